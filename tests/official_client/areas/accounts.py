def run(client, world):
    accounts = list(client.accounts.list())
    assert [account.id for account in accounts] == [world.account], accounts
    assert client.accounts.get(account_id=world.account).id == world.account
