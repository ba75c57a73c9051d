"""What was looked at and missed, as an operator reads it."""

from aoi.language.coverage import GAPS, looked, missing
from aoi.records.coverage import Coverage, Gap, Look


def gap(what: str, namespace: str = "shop", reason: str = "refused", detail: str = "no") -> Gap:
    return Gap.model_validate({"what": what, "namespace": namespace, "reason": reason, "detail": detail})


def test_where_and_how_much_was_read_is_one_line() -> None:
    looks = (
        Look(what="services", namespace="shop", items=1),
        Look(what="pods", namespace="shop", items=12),
        Look(what="jobs.batch", namespace="shop", items=0),
        Look(what="logs web-5d -c main", namespace="shop", items=80),
    )
    coverage = Coverage(cluster="https://k", context="dev", namespaces=("shop",), looked=looks, retried=2)
    told = "namespace shop of https://k (context dev): 12 pods, 1 service, 3 lists and 1 log read; 2 reads asked again"
    assert looked(coverage) == told


def test_what_was_refused_in_one_namespace_is_one_line() -> None:
    gaps = (gap("configmaps", detail="configmaps is forbidden"), gap("jobs.batch", detail="jobs is forbidden"))
    looks = (Look(what="pods", namespace="shop", items=1),)
    lines = missing(Coverage(namespaces=("shop",), looked=looks, gaps=gaps))
    assert lines == ("configmaps, jobs.batch: refused: configmaps is forbidden",)


def test_a_namespace_of_which_nothing_was_read_is_told_as_a_whole() -> None:
    gaps = (gap("pods", "a", detail="pods is forbidden"), gap("services", "a"), gap("events", "b", "timeout", "late"))
    looks = (Look(what="pods", namespace="b", items=1),)
    lines = missing(Coverage(namespaces=("a", "b"), looked=looks, gaps=gaps))
    assert lines == ("all of namespace a: refused: pods is forbidden", "events in b: timeout: late")


def test_many_gaps_end_with_their_number() -> None:
    gaps = tuple(gap(f"thing{n}", reason="timeout", detail=f"late {n}") for n in range(GAPS + 5))
    assert missing(Coverage(namespaces=("shop",), gaps=gaps))[-1].startswith("and 5 more")
