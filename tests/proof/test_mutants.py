"""The mutants of `make mutants`: whether they still are what they say."""

import pytest

from tests.proof.mutation import Mutation
from tests.proof.mutations import MUTATIONS


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_mutation_still_fits_its_function(mutation: Mutation) -> None:
    """Each changes a text that stands once in its file; else it proves nothing any more."""
    assert mutation.applied() != mutation.path.read_text()


def test_mutations_have_names_of_their_own() -> None:
    """A run is told by its mutation's name."""
    assert len(MUTATIONS) == len({mutation.name for mutation in MUTATIONS})
