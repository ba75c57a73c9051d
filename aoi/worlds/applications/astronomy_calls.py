"""Who calls whom in Astronomy Shop, and what its users ask for.

The graph is that of the sources: routes of the frontend, what each service calls for an answer, and what it goes on
without (an order stands although the cart was not emptied, no mail was sent, and the queue did not take it).
"""

from collections.abc import Mapping

from aoi.worlds.applications.spec import Call, Operation

_DEMO = "oteldemo"
GET_PRODUCT = f"{_DEMO}.ProductCatalogService/GetProduct"
LIST_PRODUCTS = f"{_DEMO}.ProductCatalogService/ListProducts"
GET_CART = f"{_DEMO}.CartService/GetCart"
ADD_ITEM = f"{_DEMO}.CartService/AddItem"
EMPTY_CART = f"{_DEMO}.CartService/EmptyCart"
CONVERT = f"{_DEMO}.CurrencyService/Convert"
CURRENCIES = f"{_DEMO}.CurrencyService/GetSupportedCurrencies"
RESOLVE = "flagd.evaluation.v1.Service/ResolveBoolean"
MIX = (
    ("GET /", 0.03),
    ("GET /api/products/{productId}", 0.39),
    ("GET /api/recommendations", 0.075),
    ("GET /api/data", 0.075),
    ("GET /api/cart", 0.075),
    ("POST /api/cart", 0.145),
    ("POST /api/checkout", 0.06),
    ("GET /images/{name}", 0.15),
)
"""By the weights of the load generator's tasks, with the pictures that its browsers load."""


def _flags(share: float = 0.1) -> Call:
    """Clients of flagd keep what they were told until it tells them of a change; without it they use defaults."""
    return Call("flagd", RESOLVE, share, 500, critical=False)


def _product(share: float = 1.0) -> Call:
    return Call("product-catalog", GET_PRODUCT, share, 3000)


def _cart(operation: str, *, critical: bool = True, share: float = 1.0) -> Call:
    return Call("cart", operation, share, 5000, critical=critical)


def _frontend(route: str) -> Operation:
    return Operation(route, 0.6, (Call("frontend", route, 1.0, 15_000),))


OPERATIONS: Mapping[str, tuple[Operation, ...]] = {
    "frontend-proxy": (
        *(_frontend(route) for route, _ in MIX if "/images/" not in route),
        Operation("GET /images/{name}", 0.5, (Call("image-provider", "GET /{name}", 1.0, 15_000),)),
    ),
    "frontend": (
        Operation(
            "GET /",
            9.0,
            (
                Call("product-catalog", LIST_PRODUCTS, 0.3, 3000),
                Call("currency", CURRENCIES, 0.3, 3000),
                _cart(GET_CART, share=0.3),
                _flags(),
            ),
        ),
        Operation("GET /api/products/{productId}", 3.0, (_product(), Call("currency", CONVERT, 0.2, 3000))),
        Operation(
            "GET /api/recommendations",
            3.0,
            (Call("recommendation", f"{_DEMO}.RecommendationService/ListRecommendations", 1.0, 10_000), _product()),
        ),
        Operation("GET /api/data", 2.5, (Call("ad", f"{_DEMO}.AdService/GetAds", 1.0, 10_000),)),
        Operation(
            "GET /api/cart",
            3.0,
            (_cart(GET_CART), _product(0.5), Call("shipping", "POST /get-quote", 0.3, 5000)),
        ),
        Operation("POST /api/cart", 3.0, (_cart(ADD_ITEM), _cart(GET_CART))),
        Operation(
            "POST /api/checkout",
            4.0,
            (Call("checkout", f"{_DEMO}.CheckoutService/PlaceOrder", 1.0, 15_000), _product()),
        ),
    ),
    "checkout": (
        Operation(
            f"{_DEMO}.CheckoutService/PlaceOrder",
            4.0,
            (
                _cart(GET_CART),
                _product(),
                Call("currency", CONVERT, 1.0, 3000),
                Call("shipping", "POST /get-quote", 1.0, 5000),
                Call("payment", f"{_DEMO}.PaymentService/Charge", 1.0, 5000),
                Call("shipping", "POST /ship-order", 1.0, 5000),
                _cart(EMPTY_CART, critical=False),
                Call("email", "POST /send_order_confirmation", 1.0, 5000, critical=False),
                Call("kafka", "orders publish", 1.0, 5000, critical=False),
                _flags(0.5),
            ),
        ),
    ),
    "ad": (Operation(f"{_DEMO}.AdService/GetAds", 3.0, (_flags(),)),),
    "cart": (
        Operation(GET_CART, 1.2, (Call("valkey-cart", "HGET", 1.0, 5000),)),
        Operation(ADD_ITEM, 1.4, (Call("valkey-cart", "HSET", 1.0, 5000),)),
        Operation(EMPTY_CART, 1.4, (Call("valkey-cart", "HSET", 1.0, 5000), _flags())),
    ),
    "currency": (Operation(CURRENCIES, 0.4), Operation(CONVERT, 0.4)),
    "email": (Operation("POST /send_order_confirmation", 6.0, (_flags(0.2),)),),
    "payment": (Operation(f"{_DEMO}.PaymentService/Charge", 3.0, (_flags(0.2),)),),
    "product-catalog": (Operation(GET_PRODUCT, 0.8, (_flags(),)), Operation(LIST_PRODUCTS, 1.0)),
    "recommendation": (
        Operation(
            f"{_DEMO}.RecommendationService/ListRecommendations",
            3.5,
            (Call("product-catalog", LIST_PRODUCTS, 1.0, 3000), _flags()),
        ),
    ),
    "shipping": (
        Operation("POST /get-quote", 1.0, (Call("quote", "POST /getquote", 1.0, 3000),)),
        Operation("POST /ship-order", 0.6),
    ),
    "quote": (Operation("POST /getquote", 1.8),),
    "image-provider": (Operation("GET /{name}", 0.6),),
    "accounting": (
        Operation(
            "orders",
            3.0,
            (Call("kafka", "orders consume", 1.0, 30_000), Call("postgresql", "query", 1.0, 5000)),
        ),
    ),
    "fraud-detection": (Operation("orders", 2.0, (Call("kafka", "orders consume", 1.0, 30_000), _flags())),),
    "kafka": (Operation("orders publish", 1.5), Operation("orders consume", 1.5)),
    "postgresql": (Operation("query", 1.6),),
    "valkey-cart": (Operation("HGET", 0.25), Operation("HSET", 0.25)),
    "flagd": (Operation(RESOLVE, 0.4),),
    "load-generator": (Operation("GET /stats/requests", 4.0, (_flags(),)),),
}
