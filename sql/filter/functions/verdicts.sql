create function private.filter_findings(p_text text, p_stage text)
returns private.filter_finding[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_reading private.folded_text;
  v_findings private.filter_finding[] := '{}';
begin
  foreach v_reading in array private.readings_of_text(private.fold_text(p_text)) loop
    v_findings := v_findings || private.findings_of_reading(v_reading, p_stage);
  end loop;
  return array(
    select (hit.rule, hit.reason_code, hit.score, hit.start_at, hit.end_at, hit.kind)
    ::private.filter_finding
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
    where hit.end_before is null or hit.end_at > hit.end_before or hit.score > hit.score_before
  );
end;
$$;
comment on function private.filter_findings is 'Return the rules that a text breaks at a stage, with the spans in the text.';

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
    from unnest(private.filter_findings(v_whole, p_stage)) as hit
    where hit.start_at >= v_start or (hit.end_at > v_start and hit.kind <> 'proposal')
  );
  v_verdict.findings := private.message_spans(v_findings, p_earlier || p_text);
  v_verdict.score := coalesce((select max(hit.score) from unnest(v_findings) as hit), 0);
  v_verdict.reason_codes := array(
    select distinct hit.reason_code from unnest(v_findings) as hit order by 1
  );
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
