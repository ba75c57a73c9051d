"""CEL as policies use it: what compiles, what is refused and why, what values come out, in whose words errors are."""

import subprocess
import sys

import pytest

from kubeworld.admission.cel.authority import AUTHORIZER
from kubeworld.admission.cel.cel import AbsentVariable, CompileError, EvaluationError, activate, compile_program
from kubeworld.admission.cel.cost import EXCEEDED, Size

DECLARED = (("object", "dyn"), ("request", "dyn"), ("authorizer", AUTHORIZER), ("variables.names", "list(string)"))
POD = {
    "metadata": {"name": "web", "labels": {"app": "web"}},
    "spec": {
        "replicas": 3,
        "containers": [
            {"name": "web", "image": "reg.example/shop/web:1", "resources": {"limits": {"memory": "512Mi"}}},
            {"name": "log", "image": "reg.example/shop/log:1"},
        ],
    },
}


def value(source, allowed=lambda check: False, **more):
    activation = activate({"object": POD, "request": {}, "authorizer": {"$check": ""}, **more}, Size(400, 20), allowed)
    return compile_program(source, DECLARED).evaluate(activation)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("object.spec.replicas <= 5", True),
        ("object.spec.containers.all(c, c.image.startsWith('reg.example/'))", True),
        ("object.spec.containers.exists(c, c.name == 'log')", True),
        ("object.spec.containers.exists_one(c, has(c.resources))", True),
        ("object.spec.containers.filter(c, !has(c.resources)).map(c, c.name)", ["log"]),
        ("object.spec.containers.map(c, has(c.resources), c.name)", ["web"]),
        ("has(object.spec.paused)", False),
        ("object.?spec.?paused.orValue(false)", False),
        ("object.metadata.?labels['app'].hasValue()", True),
        ("object.spec.?replicas.optMap(n, n + 1).orValue(0)", 4),
        ("'app' in object.metadata.labels", True),
        ("object.spec.containers.map(c, c.name).join(',')", "web,log"),
        ("'a/b/c'.split('/').size() == 3 && 'x'.upperAscii() == 'X' && ' y '.trim() == 'y'", True),
        ("'reg/shop/web'.substring(0, 'reg/shop/web'.lastIndexOf('/') + 1)", "reg/shop/"),
        ("'%s has %d'.format([object.metadata.name, object.spec.replicas])", "web has 3"),
        ("'v1.2'.matches('^v[0-9]+')", True),
        ("[3, 1, 2].sum() + [3, 1, 2].min() + [3, 1, 2].max()", 10),
        ("[1, 2, 2].isSorted() && !['b', 'a'].isSorted()", True),
        ("sets.contains([1, {'a': 1}], [1.0, {'a': 1}]) && !sets.intersects([1, 'a'], ['1', true])", True),
        ("sets.contains([1, 2], [2]) && sets.intersects([1], [1, 2]) && sets.equivalent([1, 1], [1])", True),
        ("quantity(object.spec.containers[0].resources.limits.memory).isLessThan(quantity('1Gi'))", True),
        ("quantity('1500m').add(quantity('500m')) == quantity('2')", True),
        ("quantity('50k').sub(20).asInteger()", 49_980),
        ("quantity('1Gi').compareTo(quantity('1G'))", 1),
        ("isQuantity('12 bytes') || quantity('1.5').isInteger()", False),
        ("ip('10.1.2.3').family() == 4 && ip('::1').isLoopback() && !isIP('10.0.0.256')", True),
        ("ip.isCanonical('2001:db8::1') && !ip.isCanonical('2001:DB8::1')", True),
        ("cidr('10.0.0.0/8').containsIP('10.1.1.1') && cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16')", True),
        ("cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').prefixLength() == 8", True),
        ("url('https://a.example:80/x?y=1').getHostname() + url('https://a.example:80/x').getPort()", "a.example80"),
        ("url('https://a.example/x?y=1').getQuery()['y'] == ['1'] && !isURL('../x')", True),
        ("timestamp('2026-01-05T08:00:00Z').getFullYear() == 2026 && duration('90m') > duration('1h')", True),
        ("variables.names.all(n, n.size() < 4)", True),
    ],
)
def test_what_kubernetes_documents_evaluates(source, expected):
    assert value(source, **{"variables.names": ["a", "bc"]}) == expected


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("object.spec.replicas <=", "Syntax error: mismatched input '<EOF>'"),
        ("1 == 'a'", "found no matching overload for '_==_' applied to '(int, string)'"),
        ("nothing.at.all", "undeclared reference to 'nothing.at.all' (in container '')"),
        ("request.user", "<input>:1:8: undefined field 'user'\n | request.user\n | .......^"),
        ("request.userInfo.name", "<input>:1:17: undefined field 'name'"),
        ("quantity('1').unit", "cannot be the operand of a select operation"),
        ("quantity('1') == 1", "found no matching overload"),
        ("authorizer.group('').check('get').allowed()", "found no matching overload for 'check'"),
        # Kubernetes has these and we do not: they are refused, never passed over.
        ("'a1'.find('[0-9]') == '1'", "undeclared reference to 'find'"),
        ("'a1'.findAll('[0-9]').size() == 1", "undeclared reference to 'findAll'"),
        ("[1, 2].indexOf(2) == 1", "found no matching overload for 'indexOf'"),
        ("string(ip('::1')) == ''", "found no matching overload for 'string'"),
        ("format.named('dns1123Label').hasValue()", "undeclared reference to 'format'"),
        ("semver('1.0.0').major() == 1", "undeclared reference to 'semver'"),
        ("[1, 2].all(i, v, i < v)", "undeclared reference to 'i'"),
        ("(" * 40 + "1" + ")" * 40, "recursion limit"),
    ],
)
def test_what_does_not_compile_says_where_and_why(source, error):
    with pytest.raises(CompileError) as caught:
        compile_program(source, DECLARED)
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("object.spec.paused", "no such key: paused"),
        ("object.spec.replicas + 'a'", "no such overload"),
        ("object.spec.replicas.name", "no such overload"),
        ("object.spec.containers[7]", "index out of bounds: 7"),
        ("1 / 0", "division by zero"),
        ("[].max()", "max called on empty list"),
        ("object.spec.isGreaterThan(quantity('1'))", "no such overload"),
        ("quantity(object.metadata.name)", "quantities must match the regular expression"),
        ("ip(object.metadata.name).family()", 'IP Address "web" parse error during conversion from string'),
    ],
)
def test_errors_of_evaluation_are_in_the_words_of_kubernetes(source, error):
    with pytest.raises(EvaluationError) as caught:
        value(source)
    assert str(caught.value).startswith(error)


def test_a_variable_without_a_value_matters_only_where_it_is_reached():
    assert value("true || variables.names.size() > 0") is True
    with pytest.raises(AbsentVariable, match=r"^variables.names$"):
        value("variables.names.size() > 0")


def test_the_authorizer_is_asked_for_what_the_expression_spells_out():
    asked = []
    source = (
        "authorizer.serviceAccount('shop', 'web').group('apps').resource('deployments').subresource('scale')"
        ".namespace('shop').name('web').check('update').allowed() || authorizer.path('/healthz').check('get').allowed()"
    )
    assert value(source, lambda check: asked.append(dict(check)) or False) is False
    assert asked[0] == {
        "$check": "",
        "account": "shop/web",
        "group": "apps",
        "resource": "deployments",
        "subresource": "scale",
        "namespace": "shop",
        "name": "web",
        "verb": "update",
    }
    assert asked[1] == {"$check": "", "path": "/healthz", "verb": "get"}


@pytest.mark.parametrize(
    ("source", "obj"),
    [
        ("object.list.all(x, x >= 0)", {"list": list(range(20_000))}),
        ("object.list.all(x, object.list.all(y, object.list.all(z, z >= 0)))", {"list": list(range(200))}),
        ("['aaaaaaaaaa']" + ".map(a, a + a)" * 28 + ".size() == 1", {}),
        ("object.text.replace('', object.text).size() > 0", {"text": "a" * 100_000}),
        ("object.list.map(x, object.text).join('').size() > 0", {"list": list(range(9_000)), "text": "a" * 100_000}),
        ("object.list.all(x, object.list.max() >= 0)", {"list": list(range(9_000))}),
        ("object.list.all(x, object.text.matches('(a+)+b'))", {"list": list(range(9_000)), "text": "a" * 100_000}),
    ],
)
def test_an_expression_without_end_is_stopped(source, obj):
    activation = activate({"object": obj}, Size(sum(len(str(item)) for item in obj.values()), 20_000), lambda _: False)
    with pytest.raises(EvaluationError, match=EXCEEDED):
        compile_program(source, DECLARED).evaluate(activation)


def test_ordinary_nested_loops_over_a_large_object_are_let_run():
    containers = [{"name": f"c{number}", "image": "reg/x:1", "env": [{"name": "A"}] * 20} for number in range(40)]
    pod = {"spec": {"containers": containers}}
    source = (
        "object.spec.containers.all(c, object.spec.containers.exists(w, w.name == c.name) "
        "&& c.env.all(e, e.name.matches('^[A-Z]+$'))) "
        "&& object.spec.containers.map(c, c.name + ':' + c.env.map(e, e.name).join(',')).size() == 40"
    )
    activation = activate({"object": pod}, Size(30_000, 3_000), lambda _: False)
    assert compile_program(source, DECLARED).evaluate(activation) is True


def test_the_runtime_is_imported_with_the_first_policy_and_not_before():
    code = (
        "import sys, kubeworld.api.server, kubeworld.controllers\n"
        "assert 'cel_expr_python' not in sys.modules\n"
        "from kubeworld.admission.cel.cel import compile_program\n"
        "compile_program('true', ())\n"
        "assert 'cel_expr_python' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
