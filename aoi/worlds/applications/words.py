"""Words that generated applications are named with: three sets without a common member, one per split.

A name of a training application never occurs in a development or a test application, so a model cannot
recognise a service that it was trained on.
"""

from typing import Literal

_TRAIN = (
    "account address advert agenda album alarm answer archive asset auction audit author award badge balance banner "
    "basket battery beacon billing bonus booking border bounty branch brand bridge broker budget bulletin bundle "
    "cabin calendar campaign canvas cargo carrier catalog ceiling channel charter checkout circle claim climate "
    "cluster coach column comment contact content contract coupon courier course credit crew currency cycle damage "
    "dealer debit delivery demand deposit desk device digest discount dispatch dock document donor draft driver "
    "edition effort email engine entry escrow event exam export fabric factory farm favour feature feed fee fence "
    "ferry fine fleet flight folder forecast forum freight fuel gallery garage gate gift giving grade grant grid "
    "group guide harbour harvest header heat history holiday host hotel hub identity image import index insight "
    "invoice island issue item journal journey kiosk label ladder landing lane layout league lease ledger lesson "
    "letter library licence lift listing loan locker logbook lounge loyalty mailbox mailer manifest margin market"
)
_DEVELOPMENT = (
    "meadow media meeting member menu mentor message meter mirror mission mixer module moment monitor mortgage motor "
    "museum nectar network notice novel nursery oasis object offer office opera orbit orchard order outlet outpost "
    "packing page palette panel parcel park parking partner passport pasture patent patrol payment payroll pension "
    "permit person petition phone photo piano picnic picture pier pilot pipeline planner plant player playlist"
)
_TEST = (
    "pledge pocket podium policy poll portal poster postage prairie premium presence prize product promo property "
    "proposal prospect provider publisher purchase puzzle quarry quiz quota quote radar radio railway ranking reading "
    "rebate receipt recipe record refund region relay remedy rental report request rescue resort review reward ribbon "
    "ride river road roster route royalty safari sailor salary sample scanner schedule scholar score screen season "
    "seat sensor session shelf shipping shop signal sketch slot snapshot sorter stadium station statement stock "
    "studio subject summit supplier survey syllabus tablet target tariff task tax team ticket timber timeline token "
    "topic tour tower track trader traffic trail transit trophy tutor valley vault vendor venue vessel video village "
    "visit voucher voyage wallet warehouse water weather wedding widget winter wizard workshop yard zone"
)

TRAIN = tuple(_TRAIN.split())
DEVELOPMENT = tuple(_DEVELOPMENT.split())
TEST = tuple(_TEST.split())

Range = Literal["train", "development", "test"]


def range_of(number: int) -> Range:
    """Training 0-99, development 100-199, test 200-299. Raises: ValueError outside."""
    if not 0 <= number < 300:
        raise ValueError(f"generated application {number}: expected a number from 0 to 299")
    ranges: tuple[Range, ...] = ("train", "development", "test")
    return ranges[number // 100]


def words_of(number: int) -> tuple[str, ...]:
    """The words that application `number` may be named with."""
    return {"train": TRAIN, "development": DEVELOPMENT, "test": TEST}[range_of(number)]
