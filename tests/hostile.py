"""Queries that ask for more than there is: of time, of memory, of stack, of room for an answer."""

ENDLESS = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
GROWING = "SELECT (STRLEN(?x40) AS ?n) {{ BIND('{}' AS ?x0) {} }}".format(
    "a" * 64, " ".join(f"BIND(CONCAT(?x{i}, ?x{i}) AS ?x{i + 1})" for i in range(40))
)
HOSTILE = {
    "cross product": ENDLESS,
    "all of it sorted": "SELECT * { ?a ?b ?c . ?d ?e ?f } ORDER BY ?f ?c",
    "one long string": "SELECT (GROUP_CONCAT(?c) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }",
    "doubled forty times": GROWING,
    "closure of a path": (
        "SELECT (COUNT(*) AS ?n) { ?a (<http://e/next>|!<http://e/x>)* ?b ."
        " ?b <http://e/next>* ?c . ?c <http://e/next>* ?d . ?d <http://e/next>* ?e }"
    ),
    "a long path": f"ASK {{ ?a {'<a:b>/' * 8000}<a:b> ?c }}",
    "a deep expression": f"SELECT (1 AS ?x) {{ BIND({'!' * 40_000}true AS ?y) }}",
    "a wide union": f"SELECT * {{ {'{ ?s ?p ?o } UNION ' * 2000}{{ ?a ?b ?c }} }}",
    "every pair counted": (
        "SELECT ?b (COUNT(DISTINCT CONCAT(STR(?c), STR(?f))) AS ?n)"
        " { ?a ?b ?c . ?d ?e ?f } GROUP BY ?b"
    ),
    "a graph of pairs": "CONSTRUCT { ?a ?b ?f } { ?a ?b ?c . ?d ?e ?f FILTER(?c != ?f) }",
    "a pattern on every pair": (
        "SELECT * { ?a ?b ?c . ?d ?e ?f FILTER(REGEX(CONCAT(STR(?c), STR(?f)), '(x+x+)+y')) }"
    ),
    "deep nesting": (
        f"SELECT * {{ {'{ SELECT * { ' * 45}?a ?b ?c{' } }' * 45} . ?d ?e ?f . ?g ?h ?i }}"
    ),
    "nothing in common": (
        "ASK { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i FILTER(?a = ?e && ?h = ?f && ?b = 1) }"
    ),
}
