"""The mutants of `make mutants` fit the current code."""

import pytest

from tests.proof.mutation import Mutation
from tests.proof.mutations import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_still_fits_its_function(mutation: Mutation) -> None:
    """Each mutation changes a text that appears once in its file."""
    assert mutation.applied() != mutation.path.read_text()


def test_mutations_have_names_of_their_own() -> None:
    """Each mutation has its own name, because a run chooses mutations by name."""
    assert len(MUTATIONS) == len({mutation.name for mutation in MUTATIONS})
