"""The feature flags of Astronomy Shop, with what its programs do while one is on.

Names, variants and effects are those of the demo's release 2.1.3: facts of its sources, said in our words.
"""

from aoi.worlds.applications.flags import Effect, Flag, FlagService

_SWITCH = (("on", True), ("off", False))
_HUNDRED = (("on", 100), ("off", 0))
_PERCENT = (("100%", 1), ("90%", 0.95), ("75%", 0.75), ("50%", 0.5), ("25%", 0.25), ("10%", 0.1), ("off", 0))
_WHEN_CHARGED = "Payment request failed. Invalid token. app.loyalty.level=gold"
_NO_STORE = (
    "Error when executing service method 'EmptyCart'. Grpc.Core.RpcException: Status(StatusCode=FailedPrecondition, "
    "Detail=Can't access cart storage. StackExchange.Redis.RedisConnectionException: It was not possible to connect "
    "to the redis server(s) badhost:1234/Interactive)"
)

FLAGS = (
    Flag(
        "productCatalogFailure",
        "Fail product catalog service on a specific product",
        _SWITCH,
        # One product of ten.
        (
            Effect(
                "product-catalog",
                "oteldemo.ProductCatalogService/GetProduct",
                errors=0.1,
                says=(("error", "Error: Product Catalog Fail Feature Flag Enabled app.product.id=OLJCESPC7Z"),),
            ),
        ),
    ),
    Flag(
        "recommendationCacheFailure",
        "Fail recommendation service cache",
        _SWITCH,
        # Every second request asks the catalog and keeps all that it got, with a quarter of what it had on top.
        (
            Effect(
                "recommendation",
                delay_ms=340.0,
                cpu_m=180.0,
                grown_bytes=1_600_000.0,
                says=(("info", "get_product_list: cache miss"), ("info", "get_product_list: cache hit")),
            ),
        ),
    ),
    Flag(
        "adManualGc",
        "Triggers full manual garbage collections in the ad service",
        _SWITCH,
        (
            Effect(
                "ad",
                delay_ms=700.0,
                cpu_m=350.0,
                says=(
                    ("warn", "Feature Flag adManualGc enabled, performing a manual gc now"),
                    ("info", "Triggering a manual garbage collection, next one in 10 seconds."),
                    ("info", "The artificially triggered GCs took: 3914 ms"),
                ),
            ),
        ),
    ),
    Flag(
        "adHighCpu",
        "Triggers high cpu load in the ad service",
        _SWITCH,
        # Four threads that never rest.
        (Effect("ad", delay_ms=260.0, cpu_m=3900.0, says=(("info", "High CPU-Load problempattern enabled"),)),),
    ),
    Flag(
        "adFailure",
        "Fail ad service",
        _SWITCH,
        (
            Effect(
                "ad",
                "oteldemo.AdService/GetAds",
                errors=0.1,
                says=(("warn", "GetAds Failed with status Status{code=UNAVAILABLE, description=null, cause=null}"),),
            ),
        ),
    ),
    Flag(
        "kafkaQueueProblems",
        "Overloads Kafka queue while simultaneously introducing a consumer side delay leading to a lag spike",
        _HUNDRED,
        (
            Effect(
                "checkout",
                callee="kafka",
                message_rate=1.0,
                says=(
                    ("info", "Warning: FeatureFlag 'kafkaQueueProblems' is activated, overloading queue now."),
                    ("info", "Done with #100 messages for overload simulation."),
                ),
            ),
            Effect(
                "fraud-detection",
                delay_ms=10.0,
                says=(("info", "FeatureFlag 'kafkaQueueProblems' is enabled, sleeping 1 second"),),
            ),
        ),
    ),
    Flag(
        "cartFailure",
        "Fail cart service",
        _SWITCH,
        (Effect("cart", "oteldemo.CartService/EmptyCart", errors=1.0, delay_ms=40.0, says=(("error", _NO_STORE),)),),
    ),
    Flag(
        "paymentFailure",
        "Fail payment service charge requests n%",
        _PERCENT,
        (Effect("payment", "oteldemo.PaymentService/Charge", errors=1.0, says=(("warn", _WHEN_CHARGED),)),),
    ),
    Flag(
        "paymentUnreachable",
        "Payment service is unavailable",
        _SWITCH,
        (Effect("checkout", callee="payment", address="badAddress:50051"),),
    ),
    Flag(
        "loadGeneratorFloodHomepage",
        "Flood the frontend with a large amount of requests.",
        _HUNDRED,
        # A task of weight 5 of 29, that asks for the home page as often as the flag says.
        (
            Effect(
                "load-generator",
                "GET /",
                user_rate=5 / 40,
                says=(("info", "User flooding homepage 100 times"),),
            ),
        ),
    ),
    Flag(
        "imageSlowLoad",
        "slow loading images in the frontend",
        (("10sec", 10_000), ("5sec", 5_000), ("off", 0)),
        # The browser asks for it in a header, and the proxy waits before it forwards.
        (Effect("frontend-proxy", "GET /images/{name}", delay_ms=1.0),),
    ),
    Flag(
        "emailMemoryLeak",
        "Memory leak in the email service.",
        (("off", 0), ("1x", 1), ("10x", 10), ("100x", 100), ("1000x", 1000), ("10000x", 10_000)),
        (Effect("email", grown_bytes=3_000.0),),
    ),
)
SERVICE = FlagService("flagd", "flagd-config", "demo.flagd.json", FLAGS)
