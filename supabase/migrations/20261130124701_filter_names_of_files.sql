set lock_timeout = '2s';
set statement_timeout = '30s';

-- Carriers whose numbers are no accounts.
delete from private.filter_words where class = 'id_cue' and word = 'starttrack';
insert into private.filter_words (word, class)
select
  word,
  'id_cue' as class
from string_to_table('aramex couriersplease dhl fastway fedex startrack tnt', ' ') as word
on conflict do nothing;

create or replace function private.payment_text_refusal(
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
