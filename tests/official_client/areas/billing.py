def run(client, world):
    rows = list(client.accounts.subscriptions.get(account_id=world.account))
    assert rows[0].rate_plan.id == "enterprise", rows
