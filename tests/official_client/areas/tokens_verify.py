import cloudflare


def run(client, world):
    assert client.user.tokens.verify().status == "active"
    # The look-alike's token is a user's, and the other kind's call doesn't know it.
    try:
        client.accounts.tokens.verify(account_id=world.account)
    except cloudflare.AuthenticationError as error:
        assert error.errors[0].code == 1000, error.errors
    else:
        raise AssertionError("a user's token was taken for an account's")
