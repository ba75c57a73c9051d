"""Crashes of runtimes and of what runs them: the most generic words, asked last."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from aoi.estate.logs.rules.form import Rule, rule

RULES: tuple[Rule, ...] = (
    rule(
        "go.panic", "panic", 0,
        "^panic: {*}", "panic: runtime error: {text}", "^fatal error: {*}", "http: panic serving {w}: {text}",
        knows="panic: runtime error: invalid memory address or nil pointer dereference",
        leaves="INFO nobody panicked about the deploy, panic level 0",
    ),
    rule(
        "php.fatal", "panic", 0,
        "PHP Fatal error: {*}",
        knows="quote.CRITICAL: PHP Fatal error:  Uncaught Error: Call to a member function get() on null",
        leaves="INFO PHP Fatal errors today: 0",
    ),
    rule(
        "rust.panic", "panic", 0,
        "^thread '{w}' panicked at {*}", "panicked at {text}", "called `Option::unwrap()` on a `None` value", "called `Result::unwrap()` on an `Err` value: {*}",
        knows="thread 'main' panicked at src/main.rs:10:14:",
        leaves="INFO threads that panicked: 0",
    ),
    rule(
        "segfault", "panic", 0,
        "SIGSEGV", "~segmentation fault", "~segmentation violation", "~core dumped", "SIGABRT", "SIGBUS", "~free(): invalid pointer", "~double free or corruption", "A fatal error has been detected by the Java Runtime Environment", "~illegal instruction", "Assertion {*}failed", "~stack smashing detected", "^Aborted",
        knows="Segmentation fault (core dumped)",
        leaves="INFO segmentation faults today: 0",
    ),
    rule(
        "code.defect", "panic", 0,
        "NullPointerException", "~nil pointer", "NullReferenceException", "AttributeError: {*}", "TypeError: {*}", "UnboundLocalError", "NameError: {*}", "ReferenceError: {*}", "IndexOutOfRangeException", "ArrayIndexOutOfBoundsException", "StackOverflowError", "std::out_of_range", "~attempt to index a nil value", "undefined method {q}{text}{q} for nil", "NoMethodError", "ClassCastException", "IndexError: {*}", "ZeroDivisionError", "~terminate called after throwing an instance of '{text}'",
        "~index out of range", "RecursionError", "UnhandledPromiseRejection", "TypeInitializationException: {text}", "~ERR_UNHANDLED_REJECTION", "SyntaxError: {*}", "IndentationError: {*}", "ConcurrentModificationException", "~concurrent map writes", "badmatch", "function_clause",
        knows="AttributeError: 'NoneType' object has no attribute 'routes'",
        leaves="INFO NullPointerExceptions so far: 0",
    ),
    rule(
        "ruby.rake", "unclassified", 2,
        "^rake aborted!", "^bin/rails aborted!",
        knows="rake aborted!",
        leaves="INFO the rake aborted nothing!",
    ),
    rule(
        "helm.hook", "unclassified", 1,
        "~pre-upgrade hooks failed: {text}", "~post-install hooks failed: {text}", "~timed out waiting for the condition", "~UPGRADE FAILED: {*}", "~INSTALLATION FAILED: {*}", "~fatal: repository '{text}' not found", "fatal: Authentication failed for '{text}'", "fatal: unable to access '{text}'", "fatal: couldn't find remote ref {subject}", "fatal: could not read Username for '{text}'", "fatal: Remote branch {subject} not found",
        knows="Error: UPGRADE FAILED: pre-upgrade hooks failed: job failed: BackoffLimitExceeded",
        leaves="INFO hooks: post-install done, failed: 0",
    ),
    rule(
        "npm.failed", "unclassified", 3,
        "npm ERR! {*}", "npm error {*}", "^error Command failed with exit code {n}", "ELIFECYCLE",
        knows="npm ERR! errno 1",
        leaves="npm notice new version available",
    ),
)  # fmt: skip
