create function private.seal_originals(
  p_message public.messages, p_original text, p_verdict private.filter_verdict,
  p_earlier_ids uuid[]
)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_findings constant jsonb := private.findings_with_ids(
    p_verdict.findings, p_message.id, p_earlier_ids
  );
begin
  -- The content of an ordinary message is its original, so a sealed copy would keep more than staff
  -- or later joins need.
  if p_message.action = 'allow' and v_findings = '[]' then
    return;
  end if;
  insert into private.message_originals as sealed (
    message_id, original, risk_score, findings, rule_version, created_at
  )
  values (
    p_message.id, p_original, least(p_verdict.score, 100), v_findings, p_message.rule_version,
    p_message.created_at
  );
  -- A part of a detail may have been delivered as it was. Its recipient has seen it, so it keeps its
  -- content, and staff find it by these rows.
  insert into private.message_originals as sealed (
    message_id, original, risk_score, findings, rule_version, created_at
  )
  select
    fragment.id,
    fragment.content,
    least(max((finding.value ->> 'score')::integer), 100),
    jsonb_agg(finding.value || jsonb_build_object('completed_by', p_message.id)),
    p_message.rule_version,
    fragment.created_at
  from jsonb_array_elements(v_findings) as finding
  join public.messages as fragment on fragment.id = (finding.value ->> 'message_id')::uuid
  where fragment.id <> p_message.id
  group by fragment.id
  order by fragment.id
  on conflict (message_id) do update
  set
    findings = sealed.findings || excluded.findings,
    risk_score = greatest(sealed.risk_score, excluded.risk_score);
end;
$$;
comment on function private.seal_originals is 'Keep the original of a message that the filter changed or found something in, for staff alone. Keep the findings also with the earlier messages that hold a part of the detail.';

create function private.findings_with_ids(
  p_findings jsonb, p_message_id uuid, p_earlier_ids uuid[]
)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (
    select
      coalesce(
        jsonb_agg(
          (finding.value - 'message') || jsonb_build_object(
            'message_id',
            case (finding.value ->> 'message')::integer
              when 0 then p_message_id
              else p_earlier_ids[
                cardinality(p_earlier_ids) + 1 - (finding.value ->> 'message')::integer
              ]
            end
          )
          order by finding.n
        ),
        '[]'
      )
    from jsonb_array_elements(p_findings) with ordinality as finding (value, n)
  );
end;
$$;
comment on function private.findings_with_ids is 'Return the findings of the filter with the id of the message that each is about. The filter counts the messages backwards from the one that it judges.';

create function private.flag_fragments(p_message_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  update public.messages as fragment
  set reason_codes = array(
    select distinct code from unnest(fragment.reason_codes || flag.reason_codes) as code
    order by code
  )
  from (
    -- A reader marks messages as read in the same order, so the two do not block each other.
    select message.id, found.reason_codes
    from public.messages as message
    join (
      select
        (finding ->> 'message_id')::uuid as message_id,
        array_agg(finding ->> 'reason_code') as reason_codes
      from private.message_originals as sealed, jsonb_array_elements(sealed.findings) as finding
      where sealed.message_id = p_message_id
      group by (finding ->> 'message_id')::uuid
    ) as found on found.message_id = message.id
    where message.id <> p_message_id and not message.reason_codes @> found.reason_codes
    order by message.created_at
    for no key update of message
  ) as flag
  where fragment.id = flag.id;
end;
$$;
comment on function private.flag_fragments is 'Add the reason codes of a message to the earlier messages that hold a part of the same detail. This happens with the delivery, because the change of a message reaches its recipient.';

create function private.purge_originals(p_max_rows integer, p_before timestamptz)
returns integer
language plpgsql
set search_path = ''
as $$
declare
  v_count integer;
begin
  with expired as (
    select message_id
    from private.message_originals
    where created_at < p_before and not private.is_under_review(message_id)
    order by created_at
    limit p_max_rows
    for update skip locked
  )
  delete from private.message_originals as sealed using expired
  where sealed.message_id = expired.message_id;
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function private.purge_originals is 'Delete the originals of messages that were sent before a time, unless staff still need them. Return their number.';

create function private.is_under_review(p_message_id uuid)
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return exists (
    select from public.messages where id = p_message_id and delivery = 'held'
  ) or exists (
    select from public.content_reports where message_id = p_message_id and status = 'open'
  );
end;
$$;
comment on function private.is_under_review is 'Return true while staff must still decide about a held message, or about a report of it. Its original stays as long.';
