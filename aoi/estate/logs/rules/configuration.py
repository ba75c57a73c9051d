"""Settings, flags, environment, files of configuration."""
# ruff: noqa: E501 - a log line is one line, however long the program that wrote it makes it

from aoi.estate.logs.rules.form import Rule, rule

RULES: tuple[Rule, ...] = (
    rule(
        "spring.placeholder", "missingkey", 0,
        "Could not resolve placeholder '{text}' in", "Failed to configure a DataSource: '{text}' attribute is not specified", "~No default constructor found; {*}property",
        knows="java.lang.IllegalArgumentException: Could not resolve placeholder 'db.url' in value \"${db.url}\"",
        leaves="INFO placeholder 'db.url' resolved",
    ),
    rule(
        "spring.bind", "badconfig", 0,
        "Failed to bind properties under '{text}'", "Binding to target {*}failed", "~InvalidConfigurationPropertyValueException", "~Unable to load config data from '{text}'", "Failed to determine a suitable driver class",
        knows="Failed to bind properties under 'server.port' to java.lang.Integer:",
        leaves="INFO bound properties under 'server' to ServerProperties",
    ),
    rule(
        "spring.failed", "unclassified", 2,
        "APPLICATION FAILED TO START",
        knows="APPLICATION FAILED TO START",
        leaves="INFO application started; failed to start: none",
        is_terminal=True,
    ),
    rule(
        "environment.missing", "missingkey", 0,
        "~environment variable {q}{subject}{q} is {w} set", "~environment variable {q}{subject}{q} is {w}", "~environment variable not found: {subject}", "~Missing required environment variable{*}: {subject}", "~missing environment variable{*}: {subject}", "~missing env var{*}: {subject}", "~required env var{*} {subject}", "~{subject} environment variable is required", "~{subject} environment variable must be set",
        "~Missing required environment variable {subject}", "~required key {subject} missing value", "~Environment variable not found", "~{q}{subject}{q} env var is not set", "~{subject}: unbound variable", "~{subject}: parameter not set", "~unable to load in-cluster configuration, {subject}", "~validation error: {q}{subject}{q} is required", "~{subject} must be set", "~{subject} is not set", "~the {subject} setting must not be empty", "~Set the {subject} environment variable", "~please set {subject}", "NotPresent", "~{subject} is required but not set",
        knows="FATAL environment variable DATABASE_URL is not set",
        leaves="INFO environment variable set: DATABASE_URL=***",
    ),
    rule(
        "setting.missing", "missingkey", 0,
        "~missing required configuration {subject}", "~missing configuration {q}{subject}", "~missing required {w} {q}{subject}", "~missing setting {subject}", "~missing field `{text}`", "~missing required property {q}{subject}", "~configuration value {subject} was not found", "~configuration value {subject} is missing",
        "~cannot find configuration key {subject}", "~missing config key {q}{subject}", "~required setting {q}{subject}", "^KeyError: {q}{text}'", "key not found: {q}{text}{q} (KeyError)", "~missing required key {q}{subject}", "~missing key {q}{subject}", "ImproperlyConfigured: {*}", "~Required property {q}{subject}{q} not found", "~Missing `secret_key_base`", "~Missing encryption key",
        "~{subject}: field required", "~field required", "~undefined key {q}{subject}", "~Section '{text}' not found in configuration", "~ConnectionString property has not been initialized", "~Value cannot be null. (Parameter '{text}')",
        knows="django.core.exceptions.ImproperlyConfigured: Requested setting INSTALLED_APPS, but settings are not configured.",
        leaves="INFO cache: keyerrors 0, missing rows filled",
    ),
    rule(
        "config.file", "missingconfig", 0,
        "~config{w} file {q}{path}{q} not found", "~config file {q}{path}{q} not found", "~configuration file {q}{path}{q} not found", "~config file not found: {path}", "~config file {q}{path}{q} does not exist", "~Config File {q}{subject}{q} Not Found in", "Fatal error, can't open config file '{text}'", "~Could not find config file {path}", "~could not open configuration file {q}{path}", "~no configuration file provided", "~error loading config file {q}{path}", "~The configuration file '{text}' was not found",
        "~could not load config{*}: {path}", "~Unable to find configuration {path}", "~Could not open required defaults file: {path}",
        knows="1:C 02 Jan 2026 03:04:05.678 # Fatal error, can't open config file '/etc/redis/redis.conf': No such file or directory",
        leaves="INFO config file found: /etc/app/config.yaml",
    ),
    rule(
        "kubernetes.missing", "missingconfig", 0,
        "~secret {q}{subject}{q} not found", "~secrets {q}{subject}{q} not found", "~configmap {q}{subject}{q} not found", "~configmaps {q}{subject}{q} not found",
        knows='error: secret "db-creds" not found',
        leaves='INFO secret "db-creds" found, nothing is missing',
    ),
    rule(
        "credentials.missing", "missingkey", 0,
        "~unable to locate credentials", "~could not find default credentials", "~could not load the default credentials", "~no credentials provided", "NoCredentialProviders", "~missing credentials in config",
        knows="botocore.exceptions.NoCredentialsError: Unable to locate credentials",
        leaves="INFO located credentials in the environment",
    ),
    rule(
        "config.yaml", "badconfig", 0,
        "~yaml: line {n}: {text}", "~yaml: unmarshal errors", "Failed to load property source from location '{text}'", "yaml.scanner.ScannerError: {text}", "yaml.parser.ParserError: {text}", "~YAMLException: {text}", "~error converting YAML to JSON: {text}", "~mapping values are not allowed", "~cannot unmarshal {w} into", "~found character '{text}' that cannot start any token", "~error parsing YAML", "MarkedYAMLException",
        knows="panic: yaml: line 14: mapping values are not allowed in this context",
        leaves="INFO yaml: 14 lines read",
    ),
    rule(
        "config.json", "badconfig", 0,
        "json.decoder.JSONDecodeError: {text}", "JSONDecodeError: {text}", "SyntaxError: Unexpected token {text} in JSON", "SyntaxError: Unexpected token {*} is not valid JSON", "~Unexpected end of JSON input", "~invalid character {q}{text}{q} looking for", "JsonParseException", "~error parsing JSON", "~toml: line {n}", "TOMLDecodeError", "ParserError: {text}", "~Failed to parse config",
        knows='SyntaxError: Unexpected token } in JSON at position 412',
        leaves="INFO tokens in JSON: 412",
    ),
    rule(
        "nginx.directive", "badconfig", 0,
        'unknown directive "{text}" in {w}', '"{text}" directive is not allowed here', 'unexpected "{text}" in {w}', 'invalid number of arguments in "{text}" directive', 'unknown "{text}" variable', 'invalid parameter "{text}" in {w}', "~directive is duplicate", "~unexpected end of file, expecting",
        "~Syntax error on line {n} of {path}", "~Invalid command '{text}', perhaps misspelled", "[ALERT]{*}Fatal errors found in configuration", "~Error(s) found in configuration file", "~unknown keyword '{text}' in", "~unrecognized directive: {subject}",
        knows='nginx: [emerg] unknown directive "proxy_passs" in /etc/nginx/conf.d/default.conf:8',
        leaves='[notice] directive "proxy_pass" in /etc/nginx/conf.d/default.conf:8 read',
    ),
    rule(
        "redis.config", "badconfig", 0,
        "*** FATAL CONFIG FILE ERROR", "Bad directive or wrong number of arguments", "unrecognized configuration parameter {q}{subject}", '~invalid value for parameter "{text}"', "~configuration file {q}{path}{q} contains errors",
        knows="*** FATAL CONFIG FILE ERROR (Redis 7.2.4) ***",
        leaves="# Configuration loaded",
    ),
    rule(
        "setting.invalid", "badconfig", 0,
        "~invalid value for {subject}:", "~invalid value{*} for key {q}{subject}", "~invalid value {q}{text}{q} for", "~invalid value for {q}{subject}", "~bad value for configuration {subject}", "~bad value for configuration key {subject}", "~cannot parse configuration {subject}", "~converting {subject}: invalid value", "~configuration value {subject} = {*} could not be parsed", "~fails to match the required pattern", "~invalid configuration", "~invalid config", "~configuration error", "~config error", "~could not be parsed",
        "~ConfigException: {text}", "~invalid port {q}{subject}", "~invalid duration {q}{subject}", "~invalid address {q}{subject}", "strconv.{w}: parsing {q}{text}{q}: invalid syntax", "invalid literal for int() with base 10: '{text}'", "NumberFormatException: For input string: {q}{text}", "~Invalid URL: {text}", "ERR_INVALID_URL", "~missing port in address", "~unsupported protocol scheme", "~unknown scheme",
        "ERR_SOCKET_BAD_PORT", "~error validating data", "~Input should be a valid", "~unable to parse config", "~bad connection string", "~Could not parse SQLAlchemy URL", "~Malformed \\uxxxx", "~No suitable driver found for {subject}", "~Error validating datasource",
        "~Invalid scheme, expected connection string to start with", "~the URL must start with the protocol", "~value {*} is not valid",
        "~Log level '{text}' is not", "~Invalid log level", "~listener names {*}must be", "~must be one of {*} got {q}{subject}",
        knows="ValueError: invalid value for PORT: 'eighty'",
        leaves="INFO invalid_values=0 for key cache",
    ),
    rule(
        "flag.unknown", "badargs", 0,
        "~flag provided but not defined: {subject}", "~unknown flag: {subject}", "~unknown shorthand flag: {*} in {subject}", "~unrecognized option {q}{subject}", "~unrecognized option '{text}'", "~unrecognised option '{text}'", "~unrecognized arguments: {subject}", "~unknown option {q}{subject}", "~unknown option '{text}'", "~invalid option -- '{text}'", "~invalid option: {subject}", "~found argument '{text}' which wasn't expected", "~unexpected argument '{text}' found", "~Unrecognized VM option '{text}'", "Unrecognized option: {subject}", "~bad option: {subject}", "error: the following arguments are required: {text}",
        "~No such option: {subject}", "~unknown command {q}{subject}", "~required flag(s) {q}{subject}", "~error: unknown argument {subject}", "~unknown long option {subject}", "~Missing option {q}{subject}", "~invalid choice: {q}{subject}",
        knows="flag provided but not defined: -listn-address",
        leaves="INFO flags: -listen-address provided and defined",
    ),
    rule(
        "feature.flag", "flag", 1,
        "~feature flag {*}enabled", "~featureflag {*}enabled", "~due to feature flag {q}{subject}", "~because of feature flag {q}{subject}", "~by feature flag {q}{subject}",
        knows="ERROR feature flag cartFailure is enabled, refusing",
        leaves="INFO 12 feature flags loaded",
    ),
)  # fmt: skip
