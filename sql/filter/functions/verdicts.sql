create function private.filter_findings(p_text text, p_stage text, p_from integer default 0)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_findings constant private.filter_finding[] := private.findings_of_text(
    p_text, p_stage, p_from
  );
  v_decoded constant private.folded_text := private.decoded_text(p_text);
begin
  if v_decoded.folded is null then
    return v_findings;
  end if;
  -- A detail may stand in the digits of the entities too, so the text counts as it is written as well.
  return array(
    select hit from unnest(v_findings) as hit
    union
    select (
      hit.rule, hit.reason_code, hit.score,
      v_decoded.origins[hit.start_at + 1] - 1,
      v_decoded.origins[hit.end_at + 1] - 1,
      hit.kind
    )::private.filter_finding
    from unnest(
      private.findings_of_text(
        v_decoded.folded,
        p_stage,
        -- The signs that end within the first p_from characters.
        (select count(*) from unnest(v_decoded.origins[2:]) as next where next <= p_from + 1)::integer
      )
    ) as hit
  );
end;
$$;
comment on function private.filter_findings is 'Return the rules that a text breaks at a stage, as it is written and with its entities decoded, with the spans in the text. It leaves out spans that end within the first p_from characters, as findings_of_text does.';

create function private.findings_of_text(p_text text, p_stage text, p_from integer default 0)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_reading private.folded_text := private.fold_text(p_text);
  v_tokens private.filter_token[] := private.filter_tokens(v_reading.folded);
  v_findings private.filter_finding[] := private.findings_of_reading(
    v_reading, v_tokens, p_stage, p_from
  );
  v_has_inner boolean;
begin
  foreach v_reading in array private.other_readings(v_reading, v_tokens) loop
    v_tokens := private.filter_tokens(v_reading.folded);
    v_findings := v_findings || private.findings_of_reading(
      v_reading, v_tokens, p_stage, p_from
    );
  end loop;
  if v_findings = '{}' then
    return v_findings;
  end if;
  select
    array_agg(
      (hit.rule, hit.reason_code, hit.score, hit.start_at, hit.end_at, hit.kind)
      ::private.filter_finding
    ),
    bool_or(hit.end_at <= hit.end_before)
  into v_findings, v_has_inner
  from (
    select
      part.*,
      max(part.end_at) over wider as end_before,
      max(part.score) over wider as score_before
    from unnest(v_findings) as part
    window wider as (
      partition by part.reason_code
      order by part.start_at, part.end_at desc, part.score desc, part.rule
      rows between unbounded preceding and 1 preceding
    )
  ) as hit
  -- A milder finding inside a wider one says nothing new.
  where hit.end_before is null or hit.end_at > hit.end_before or hit.score > hit.score_before;
  if v_has_inner and p_from > 0 then
    -- A finding before p_from may be as strong as one inside a wider one, which then says nothing
    -- new either.
    return private.findings_of_text(p_text, p_stage);
  end if;
  return v_findings;
end;
$$;
comment on function private.findings_of_text is 'Return the rules that a text breaks at a stage, with the spans in the text. It leaves out the spans that end within the first p_from characters, if they change nothing in the others.';

create function private.filter_message(p_text text, p_earlier text[], p_stage text)
returns private.filter_verdict
language plpgsql
stable
set search_path = ''
as $$
declare
  v_whole constant text := array_to_string(p_earlier || p_text, E'\n');
  v_start constant integer := char_length(v_whole) - char_length(p_text);
  v_findings private.filter_finding[];
  v_verdict private.filter_verdict;
begin
  v_findings := array(
    select hit
    from unnest(private.filter_findings(v_whole, p_stage, v_start)) as hit
    where hit.start_at >= v_start or (hit.end_at > v_start and hit.kind <> 'proposal')
  );
  v_verdict.findings := private.message_spans(v_findings, p_earlier || p_text);
  select
    coalesce(max(hit.score), 0),
    coalesce(array_agg(distinct hit.reason_code order by hit.reason_code), '{}')
  into v_verdict.score, v_verdict.reason_codes
  from unnest(v_findings) as hit;
  v_verdict.action := private.action_of_score(v_verdict.score);
  v_verdict.masked := case
    when v_verdict.action in ('mask', 'hold') then private.masked_text(p_text, v_verdict.findings)
    else p_text
  end;
  v_verdict.rule_version := (
    select max(rules.rule_version) from private.filter_rules as rules where rules.active
  );
  return v_verdict;
end;
$$;
comment on function private.filter_message is 'Judge a message after its sender''s earlier messages to the same person, oldest first. Stage strict hides contact and payment details. Stage order hides payment details alone.';

create function private.action_of_score(p_score integer)
returns public.filter_action
language plpgsql
stable
set search_path = ''
as $$
begin
  return case
    when p_score >= private.setting('filter_hold')::integer then 'hold'
    when p_score >= private.setting('filter_mask')::integer then 'mask'
    when p_score >= private.setting('filter_warn')::integer then 'warn'
    else 'allow'
  end::public.filter_action;
end;
$$;
comment on function private.action_of_score is 'Return the action that the settings name for a score.';

create function private.message_spans(p_findings private.filter_finding[], p_messages text[])
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_findings = '{}' then
    return '[]';
  end if;
  return (
    with message as (
      select
        part.n,
        coalesce(sum(char_length(part.text) + 1) over (
          order by part.n rows between unbounded preceding and 1 preceding
        ), 0)::integer as start_at,
        char_length(part.text) as length
      from unnest(p_messages) with ordinality as part (text, n)
    )

    select coalesce(jsonb_agg(
      jsonb_build_object(
        'rule', hit.rule,
        'reason_code', hit.reason_code,
        'score', hit.score,
        'start', greatest(hit.start_at - message.start_at, 0),
        'end', least(hit.end_at - message.start_at, message.length),
        'message', cardinality(p_messages) - message.n
      ) order by hit.score desc, hit.start_at, hit.rule, message.n desc
    ), '[]')
    from unnest(p_findings) as hit
    inner join message
      on message.length > 0 and hit.start_at < message.start_at + message.length
      and hit.end_at > message.start_at
  );
end;
$$;
comment on function private.message_spans is 'Return findings of joined messages as JSON, split by message. Message 0 is the last one.';

create function private.masked_text(p_text text, p_findings jsonb)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_mask constant integer := private.setting('filter_mask')::integer;
  v_text text := p_text;
  v_found jsonb;
begin
  for v_found in select jsonb_array_elements(p_findings) loop
    continue when (v_found ->> 'message')::integer > 0 or (v_found ->> 'score')::integer < v_mask;
    v_text := overlay(
      v_text placing repeat('▇', (v_found ->> 'end')::integer - (v_found ->> 'start')::integer)
      from (v_found ->> 'start')::integer + 1
    );
  end loop;
  return v_text;
end;
$$;
comment on function private.masked_text is 'Return a message with the mask character in place of each hidden span.';
