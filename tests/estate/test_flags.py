"""Flag definitions in ConfigMaps: which are a suspicion, and about whom."""

import orjson

from aoi.estate.flagd import troubling
from aoi.estate.rules.flags import flags
from tests.estate.estates import container, deployed, estate_of, service, thing, told


def definition(**flags: tuple[object, str]) -> str:
    """Flags that are on, with their values and descriptions."""
    entries = {
        name: {"state": "ENABLED", "description": said, "variants": {"on": value, "off": 0}, "defaultVariant": "on"}
        for name, (value, said) in flags.items()
    }
    return orjson.dumps({"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": entries}).decode()


def shop(text: str):
    """A flag service, and a till that is configured to call a bank."""
    env = [{"name": "BANK_ADDR", "value": "bank:80"}]
    return estate_of(
        deployed("flagd", volumes=[{"name": "flags", "configMap": {"name": "flags"}}]),
        deployed("bank"),
        deployed("till", containers=[container("till", env=env)]),
        {"services": [service("bank", {"app": "bank"}, port=80)]},
        {"configmaps": [thing("ConfigMap", "flags", data={"demo.flagd.json": text})]},
    )


def test_a_flag_that_fails_somebody_is_a_suspicion_about_it() -> None:
    assert told(flags(shop(definition(bankFailure=(True, "Fail the bank"))))) == [
        ("flag", "Deployment/bank", "suspect")
    ]
    assert not told(flags(shop(definition(bankFailure=(False, "Fail the bank")))))
    assert told(flags(shop(definition(chaos=(True, "Fail at random"))))) == [("flag", "Deployment/flagd", "suspect")]


def test_one_that_makes_somebody_unreachable_is_about_who_calls_it() -> None:
    text = definition(bankUnreachable=(True, "The bank is unavailable"))
    assert told(flags(shop(text))) == [("flag", "Deployment/till", "suspect")]


def test_features_that_are_on_are_no_suspicion_and_failures_are() -> None:
    on = {"newCheckout": (True, "The new checkout page"), "bankFailure": (True, "Fail the bank"), "off": (0, "Fail")}
    text = definition(**on)
    assert [flag.name for flag in troubling(text)] == ["bankFailure"]
    assert not list(troubling("{"))
    assert not list(troubling('"defaultVariant"'))


def test_a_description_names_the_component_before_the_flags_own_name_does() -> None:
    (flag,) = troubling(definition(loadGeneratorFlood=(100, "Flood the frontend with requests")))
    assert flag.names(["load-generator", "frontend", "front"]) == "frontend"
    (flag,) = troubling(definition(cartFailure=(True, "")))
    assert flag.names(["valkey-cart", "cart"]) == "cart"
    assert flag.names(["carts"]) is None
