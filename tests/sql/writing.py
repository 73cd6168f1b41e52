"""Messages for tests, sent by the product's own functions."""

from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.sql.actors import Actor


#: A filter that obeys words in the text, so that a test of messages depends on no rule. It records
#: its arguments. "first half" and "second half" form a detail when they are joined.
SCRIPTED_FILTER = """
  create table private.filter_calls (
    n integer generated always as identity, text text, earlier text[], stage text
  );
  comment on table private.filter_calls is 'The arguments of the scripted filter.';
  alter table private.filter_calls enable row level security;

  create or replace function private.filter_message(p_text text, p_earlier text[], p_stage text)
  returns private.filter_verdict
  language plpgsql set search_path = ''
  as $$
  declare
    v_word constant text := substring(p_text from '(warn|mask|hold)');
    v_half constant integer := case
      when p_text ~ 'second half' then array_position(p_earlier, 'first half')
    end;
    v_verdict private.filter_verdict;
  begin
    insert into private.filter_calls (text, earlier, stage) values (p_text, p_earlier, p_stage);
    v_verdict.action := coalesce(v_word, case when v_half > 0 then 'mask' else 'allow' end);
    v_verdict.score := case v_verdict.action
      when 'allow' then 0 when 'warn' then 40 when 'mask' then 70 else 90
    end;
    v_verdict.reason_codes := case when v_verdict.action = 'allow' then '{}' else '{PHONE}' end;
    v_verdict.findings := case when v_verdict.action = 'allow' then '[]'::jsonb else
      jsonb_build_array(
        jsonb_build_object(
          'rule', 'script', 'reason_code', 'PHONE', 'score', v_verdict.score,
          'start', 0, 'end', 4, 'message', 0
        )
      ) end;
    if v_half > 0 then
      v_verdict.findings := v_verdict.findings || jsonb_build_object(
        'rule', 'script', 'reason_code', 'PHONE', 'score', 70, 'start', 0, 'end', 10,
        'message', cardinality(p_earlier) + 1 - v_half
      );
    end if;
    v_verdict.masked := regexp_replace(p_text, 'mask|hold|second half', '▇▇▇▇', 'g');
    v_verdict.rule_version := 7;
    return v_verdict;
  end;
  $$;
"""


def script_filter(owner: Connection) -> None:
    """Replace the filter by the scripted one, as long as the transaction or the database lasts."""
    owner.execute(SCRIPTED_FILTER)


def filter_calls(owner: Connection) -> list[tuple[str, list[str], str]]:
    """Return the text, the earlier texts and the stage of each call of the scripted filter."""
    query = "select text, earlier, stage from private.filter_calls order by n"
    return [(str(text), earlier, str(stage)) for text, earlier, stage in owner.execute(query)]


def listing_of(owner: Connection, auction_id: UUID) -> UUID:
    """Return the listing of an auction."""
    query = "select listing_id from public.auctions where id = %s"
    [(listing_id,)] = owner.execute(query, [auction_id]).fetchall()
    assert isinstance(listing_id, UUID)
    return listing_id


def new_thread(
    actor: Actor, listing_id: object, content: str | None = "Hello", **more: object
) -> Any:
    """Start a thread with the seller of a listing; return the answer."""
    sent: dict[str, object] = {"client_message_id": uuid4(), "content": content, **more}
    return actor.call("start_thread", listing_id=listing_id, **sent)


def wrote(actor: Actor, thread_id: object, content: str | None = "Hello", **more: object) -> Any:
    """Write in a thread; return the answer."""
    sent: dict[str, object] = {"client_message_id": uuid4(), "content": content, **more}
    return actor.call("send_message", thread_id=thread_id, **sent)


def messages_of(actor: Actor) -> list[str]:
    """Return the content of every message that a user may read, the oldest first."""
    query = "select content from public.messages order by created_at"
    return [str(content) for (content,) in actor.rows(query)]


def message_row(owner: Connection, message_id: object) -> dict[str, Any]:
    """Return the row of a message."""
    query = "select to_jsonb(m) from public.messages as m where id = %s"
    [(row,)] = owner.execute(query, [message_id]).fetchall()
    assert isinstance(row, dict)
    return row


def sealed_row(owner: Connection, message_id: object) -> dict[str, Any] | None:
    """Return the sealed original of a message, or none."""
    query = "select to_jsonb(o) from private.message_originals as o where message_id = %s"
    row = owner.execute(query, [message_id]).fetchone()
    if row is None:
        return None
    assert isinstance(row[0], dict)
    return row[0]


def new_messages(actor: Actor) -> list[dict[str, Any]]:
    """Return a user's notifications of new messages, the oldest first."""
    # All notifications of one transaction have the same time, but each message has its own.
    query = """
      select to_jsonb(n) from public.notifications as n where type = 'new_message'
      order by (
        select created_at from public.messages where id::text = n.metadata ->> 'message_id'
      )
    """
    return [row for (row,) in actor.rows(query)]
