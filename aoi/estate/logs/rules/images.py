"""What an image lacks or holds for another machine: programs, modules, libraries, versions."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from aoi.estate.logs.rules.form import Rule, rule

RULES: tuple[Rule, ...] = (
    rule(
        "exec.format", "badcommand", 0,
        "~exec format error", "~cannot execute binary file", "ENOEXEC", "~cannot execute: required file not found",
        knows='standard_init_linux.go:228: exec user process caused: exec format error',
        leaves="INFO exec formats: elf, script; errors 0",
    ),
    rule(
        "command.missing", "badcommand", 0,
        "~executable file not found in $PATH", "{subject}: command not found", "~exec: {q}{subject}{q}: not found", "~sh: {n}: {subject}: not found", "sh: {subject}: not found", "npm ERR! Missing script: {q}{subject}", 'npm error Missing script: {q}{subject}', "~Unable to access jarfile {path}", "~Could not find or load main class {subject}", "no main manifest attribute, in {path}", "sh: line {n}: {subject}: not found",
        "~Couldn't find a package.json", "~does not exist: \"{path}\" application", "~exec {path}: no such file or directory", "can't open file '{text}'",
        knows="/entrypoint.sh: line 12: envsubst: command not found",
        leaves="INFO command found in $PATH: envsubst",
    ),
    rule(
        "python.module", "unclassified", 0,
        "ModuleNotFoundError: No module named '{text}'", "ImportError: No module named {subject}", "ImportError: cannot import name '{text}'", "ModuleNotFoundError", "Error: class uri '{text}' invalid or not found", "~Failed to find attribute '{text}' in",
        knows="ModuleNotFoundError: No module named 'redis'",
        leaves="INFO ModuleNotFoundErrors are ignored for plugins",
    ),
    rule(
        "node.module", "unclassified", 0,
        "Error: Cannot find module '{text}'", "Cannot find module '{text}'", "Cannot find package '{text}'", "ERR_MODULE_NOT_FOUND", "ERR_REQUIRE_ESM", "SyntaxError: Cannot use import statement outside a module",
        knows="Error: Cannot find module '/app/dist/main.js'",
        leaves="INFO found module '/app/dist/main.js'",
    ),
    rule(
        "java.class", "unclassified", 0,
        "ClassNotFoundException: {subject}", "NoClassDefFoundError: {subject}", "NoSuchMethodError: {text}", "NoSuchBeanDefinitionException: {text}", "required a bean of type '{text}' that could not be found",
        knows="java.lang.ClassNotFoundException: org.postgresql.Driver",
        leaves="INFO catalog ClassNotFoundExceptionHandler ready",
    ),
    rule(
        "java.class_version", "badimage", 0,
        "UnsupportedClassVersionError: {text} has been compiled", "UnsupportedClassVersionError",
        knows='Exception in thread "main" java.lang.UnsupportedClassVersionError: com/shop/Main has been compiled by a more recent version of the Java Runtime (class file version 61.0)',
        leaves="INFO class file version 61.0 supported",
    ),
    rule(
        "library.missing", "unclassified", 0,
        "~error while loading shared libraries: {subject}:", "~Error loading shared library {subject}:", "{subject}: cannot open shared object file", "DllNotFoundException: {text}", "~Error relocating {w}: {text}: symbol not found", "UnsatisfiedLinkError: {text}", "version `{text}' not found", "System.IO.FileNotFoundException: Could not load file or assembly '{text}'", "~Could not load file or assembly '{text}'",
        "~You must install or update .NET to run this application", "LoadError: {text}", "cannot load such file -- {subject}", "Could not find {subject} in any of the sources", "Bundler::GemNotFound",
        knows="./server: error while loading shared libraries: libssl.so.1.1: cannot open shared object file: No such file or directory",
        leaves="INFO shared libraries loaded: libssl.so.3",
    ),
    rule(
        "php.class", "unclassified", 0,
        'Uncaught Error: Class "{text}" not found', "Uncaught Error: Call to undefined function {subject}", "~could not find driver", "Class '{text}' not found",
        knows='PHP Fatal error:  Uncaught Error: Class "Redis" not found in /var/www/html/index.php:4',
        leaves="INFO class Redis found",
    ),
    rule(
        "node.version", "badimage", 0,
        "~The engine {q}node{q} is incompatible with this module", "NODE_MODULE_VERSION {n}", "~requires a different version of Node", "Your Ruby version is {subject}", "requires php {subject}", "requires Python {q}{subject}",
        knows="The module was compiled against a different Node.js version using NODE_MODULE_VERSION 108.",
        leaves="INFO node version v20 ok",
    ),
)  # fmt: skip
