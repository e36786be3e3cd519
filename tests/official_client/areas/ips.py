def run(client, world):
    ips = client.ips.list()
    assert ips.ipv4_cidrs and ips.ipv6_cidrs
