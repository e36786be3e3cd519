import cloudflare


def run(client, world):
    for tokens, scope, group in (
        (client.user.tokens, {}, "DNS Write"),
        (client.accounts.tokens, {"account_id": world.account}, "Account Settings Read"),
    ):
        groups = list(tokens.permission_groups.list(**scope))
        wanted = next(one for one in groups if one.name == group)
        policies = [{
            "effect": "allow", "permission_groups": [{"id": wanted.id}],
            "resources": {f"com.cloudflare.api.account.{world.account}": "*"},
        }]
        made = tokens.create(
            name="of the tour", policies=policies, expires_on="2030-01-01T00:00:00Z",
            condition={"request_ip": {"in": ["127.0.0.0/8"]}}, **scope,
        )
        assert made.value and made.id
        assert made.id in [one.id for one in tokens.list(**scope)]
        kept = tokens.get(made.id, **scope)
        assert kept.policies[0].permission_groups[0].name == group
        assert not getattr(kept, "value", None)
        # The new token works, for what it is for.
        of_it = cloudflare.Cloudflare(
            api_token=made.value, base_url=world.base, _strict_response_validation=True, max_retries=0
        )
        verified = of_it.accounts.tokens.verify(**scope) if scope else of_it.user.tokens.verify()
        assert (verified.id, verified.status) == (made.id, "active")
        try:
            list(of_it.zones.list())
        except cloudflare.PermissionDeniedError:
            pass
        else:
            raise AssertionError("a token did what it isn't for")
        rolled = tokens.value.update(made.id, **scope)
        assert rolled and rolled != made.value
        try:
            of_it.accounts.tokens.verify(**scope) if scope else of_it.user.tokens.verify()
        except cloudflare.AuthenticationError:
            pass
        else:
            raise AssertionError("the old value is still taken")
        assert tokens.delete(made.id, **scope).id == made.id
        try:
            tokens.get(made.id, **scope)
        except cloudflare.NotFoundError:
            pass
        else:
            raise AssertionError("a token outlived its end")
