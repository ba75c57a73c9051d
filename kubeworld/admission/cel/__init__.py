"""ValidatingAdmissionPolicies: CEL expressions that are compiled once and asked about every request that they match.

`cel` is the only importer of the CEL runtime, `library` holds Kubernetes' functions, `cost` bounds what an expression
may use, `compiled` turns a policy into programs, `matching` and `params` find what concerns a request, `decide` asks.
The API calls `decide.check`; nothing here runs while no binding exists.
Reference: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/
"""
