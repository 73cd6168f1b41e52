"""Small faults that the tests have to notice, each a change in the text of one file."""

from tests.proof.access_mutations import ACCESS_MUTATIONS
from tests.proof.bid_log_mutations import BID_LOG_MUTATIONS
from tests.proof.console_mutations import CONSOLE_MUTATIONS
from tests.proof.file_mutations import FILE_MUTATIONS
from tests.proof.filter_mutations import FILTER_MUTATIONS
from tests.proof.handover_mutations import HANDOVER_MUTATIONS
from tests.proof.kyc_mutations import KYC_MUTATIONS
from tests.proof.market_mutations import MARKET_MUTATIONS
from tests.proof.message_mutations import MESSAGE_MUTATIONS
from tests.proof.money_mutations import MONEY_MUTATIONS
from tests.proof.outage_mutations import OUTAGE_MUTATIONS
from tests.proof.payout_mutations import PAYOUT_MUTATIONS
from tests.proof.settlement_mutations import SETTLEMENT_MUTATIONS
from tests.proof.staff_mutations import STAFF_MUTATIONS


MUTATIONS = (
    *ACCESS_MUTATIONS,
    *BID_LOG_MUTATIONS,
    *CONSOLE_MUTATIONS,
    *FILE_MUTATIONS,
    *FILTER_MUTATIONS,
    *HANDOVER_MUTATIONS,
    *KYC_MUTATIONS,
    *MARKET_MUTATIONS,
    *MESSAGE_MUTATIONS,
    *MONEY_MUTATIONS,
    *OUTAGE_MUTATIONS,
    *PAYOUT_MUTATIONS,
    *SETTLEMENT_MUTATIONS,
    *STAFF_MUTATIONS,
)
