"""Small faults that the tests have to notice, each a change in the text of one SQL function."""

from tests.proof.market_mutations import MARKET_MUTATIONS
from tests.proof.money_mutations import MONEY_MUTATIONS


MUTATIONS = (*MARKET_MUTATIONS, *MONEY_MUTATIONS)
