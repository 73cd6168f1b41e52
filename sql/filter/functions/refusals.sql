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
    || jsonb_build_object('field', p_field) || private.payment_span(p_text, p_earlier, p_field = 'file');
end;
$$;
comment on function private.payment_text_refusal is 'Return the refusal of a text that holds details for a payment outside the site, with their span, or null; see payment_span.';

create function private.payment_span(
  p_text text, p_earlier text[] default '{}', p_is_file_name boolean default false
)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
declare
  v_whole constant text := array_to_string(p_earlier || p_text, E'\n');
  v_start constant integer := char_length(v_whole) - char_length(p_text);
  v_span jsonb;
begin
  if coalesce(p_text, '') = '' then
    return null;
  end if;
  select
    jsonb_build_object(
      'start', greatest(hit.start_at - v_start, 0),
      'end', least(hit.end_at - v_start, char_length(p_text))
    )
  into v_span
  from (
    select
      found.rule,
      found.score,
      found.start_at + v_start as start_at,
      found.end_at + v_start as end_at
    from unnest(private.filter_findings(p_text, 'order')) as found
    union all
    -- The stage joined has no rules for general words. So "money" in an earlier text makes no account
    -- of a number in this one.
    select found.rule, found.score, found.start_at, found.end_at
    from unnest(private.filter_findings(v_whole, 'joined', v_start)) as found
    where p_earlier <> '{}'
  ) as hit
  inner join private.filter_rules as known on known.rule = hit.rule and known.active
  where
    hit.end_at > v_start
    and hit.score >= private.setting('filter_mask')::integer
    -- The name of a file looks like a handle, as in "PayPal_receipt.pdf".
    and not (p_is_file_name and hit.rule = 'pay_app_handle')
    -- A party may name a phone number after "my account", but not after "my PayID".
    and not (
      known.pattern <@ '{abn_digits,account_cue,account_digits,bank,bank_account}'
      and private.is_phone_number(
        substr(v_whole, hit.start_at + 1, hit.end_at - hit.start_at)
      )
    )
  order by greatest(hit.start_at, v_start), hit.score desc
  limit 1;
  return v_span;
end;
$$;
comment on function private.payment_span is 'Return the span of the details for a payment outside the site that a text holds, or that it completes after earlier texts with a bank, account, payment service, card number or ABN, or null. Other words about payment pass, and handles in the name of a file.';

create function private.is_phone_number(p_text text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_digits constant text := translate(p_text, translate(p_text, '0123456789', ''), '');
  v_national constant text := case
    when left(v_digits, 4) = '0061' then ltrim(substr(v_digits, 5), '0')
    when left(v_digits, 2) = '61' then ltrim(substr(v_digits, 3), '0')
    when left(v_digits, 1) = '0' then substr(v_digits, 2)
    else ''
  end;
begin
  return (char_length(v_national) = 9 and left(v_national, 1) in ('2', '3', '4', '7', '8'))
    or (char_length(v_digits) = 10 and left(v_digits, 4) in ('1300', '1800'));
end;
$$;
comment on function private.is_phone_number is 'Return true if the digits of a text are an Australian phone number with its zero or country code.';

create function private.link_refusal(p_field text, p_link text)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return private.refusal('PAYMENT_IN_TEXT', 'This link cannot lead to a payment')
    || jsonb_build_object('field', p_field)
    || (
      select jsonb_build_object('start', hit.start_at, 'end', hit.end_at)
      from unnest(private.filter_findings(p_link, 'link')) as hit
      order by hit.start_at, hit.score desc
      limit 1
    );
end;
$$;
comment on function private.link_refusal is 'Return the refusal of a link that names a payment service or a BSB, with the span, or null. The ids and signatures in a link have any digits, so other numbers pass.';
