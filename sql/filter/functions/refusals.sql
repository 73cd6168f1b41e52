create function private.contact_text_refusal(
  p_title text, p_description text, p_suburb text default '', p_street text default null
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding private.filter_finding;
  v_refusal jsonb;
  v_description_at constant integer := char_length(p_title) + 1;
  v_suburb_at constant integer := v_description_at + char_length(p_description) + 1;
begin
  -- One text, because a number may begin in the title and end in the description.
  select hit.* into v_finding
  from unnest(
    private.filter_findings(concat_ws(E'\n', p_title, p_description, p_suburb), 'listing')
  ) as hit
  order by hit.start_at, hit.score desc
  limit 1;
  v_refusal := private.refusal(
    'CONTACT_IN_TEXT', 'A listing cannot have contact or payment details in its texts'
  );
  if v_finding.rule is null then
    -- The buyer of a paid order reads the street, and may then read contact details too.
    return v_refusal || '{"field": "street"}' || private.payment_span(p_street);
  end if;
  return v_refusal || (
    select jsonb_build_object(
      'field', part.field,
      'start', v_finding.start_at - part.start_at,
      'end', least(v_finding.end_at - part.start_at, char_length(part.content))
    )
    from (values
      ('title', p_title, 0), ('description', p_description, v_description_at),
      ('location', p_suburb, v_suburb_at)
    ) as part (field, content, start_at)
    where part.start_at <= v_finding.start_at
    order by part.start_at desc
    limit 1
  );
end;
$$;
comment on function private.contact_text_refusal is 'Return the refusal of a listing whose title, description or suburb holds a contact or payment detail, with its span in the cleaned text, or null. The field of the suburb is location. A street may hold contact details, but no payment details.';

create function private.payment_text_refusal(
  p_field text, p_text text, p_earlier text[] default '{}'
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.refusal('PAYMENT_IN_TEXT', 'This text cannot have payment details')
    || jsonb_build_object('field', p_field) || private.payment_span(p_text, p_earlier);
end;
$$;
comment on function private.payment_text_refusal is 'Return the refusal of a text that holds details for a payment outside the site, with their span, or null; see payment_span.';

create function private.payment_span(p_text text, p_earlier text[] default '{}')
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_finding jsonb;
begin
  select hit into v_finding
  from jsonb_array_elements((private.filter_message(p_text, p_earlier, 'order')).findings) as hit
  where
    hit -> 'message' = '0'
    and (hit ->> 'score')::integer >= private.setting('filter_mask')::integer
  order by (hit ->> 'start')::integer, (hit ->> 'score')::integer desc
  limit 1;
  if v_finding is null then
    return null;
  end if;
  return jsonb_build_object('start', v_finding -> 'start', 'end', v_finding -> 'end');
end;
$$;
comment on function private.payment_span is 'Return the span of the details for a payment outside the site that a text holds, or that it completes after earlier texts, or null. Other words about payment pass.';
