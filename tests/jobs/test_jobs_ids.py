"""Which records are replaced, against a dictionary that says the same slowly."""

from hypothesis import given
from hypothesis import strategies as st

from biospan.jobs.ids import Ids

EVENTS = st.lists(st.tuples(st.booleans(), st.sampled_from(["", "1", "2", "3", "\ud800"])))


@given(EVENTS)
def test_all_but_the_last_record_of_an_id_are_replaced_or_deleted(
    events: list[tuple[bool, str]],
) -> None:
    ids = Ids()
    current: dict[str, int] = {}
    replaced: list[int] = []
    n_deleted = 0
    for ordinal, (is_deletion, document_id) in enumerate(events):
        if is_deletion:
            ids.delete(document_id)
            if document_id in current:
                replaced.append(current.pop(document_id))
                n_deleted += 1
            continue
        ids.add(document_id, ordinal)
        if document_id in current:
            replaced.append(current[document_id])
        if document_id:
            current[document_id] = ordinal
    found = ids.replaced()
    assert found.ordinals.tolist() == sorted(replaced)
    assert found.n_deleted == n_deleted
