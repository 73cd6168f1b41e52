set lock_timeout = '2s';
set statement_timeout = '30s';

create or replace function private.add_dispute_message(
  p_dispute_id uuid, p_content text, p_is_internal boolean, p_client_request_id uuid
)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_answer jsonb := private.begin_request(
    'add_dispute_message', p_client_request_id,
    jsonb_build_array(p_dispute_id, p_content, coalesce(p_is_internal, false))
  );
  v_content constant text := private.plain_text(p_content, 1000);
  v_dispute public.disputes;
  v_message_id uuid;
begin
  if v_answer is not null then
    return v_answer;
  end if;
  select * into v_dispute from public.disputes where id = p_dispute_id;
  v_answer := coalesce(
    private.dispute_writer_refusal(v_dispute, coalesce(p_is_internal, false)),
    case
      when coalesce(private.visible_length(v_content), 0) < 1 or char_length(v_content) > 1000
        then private.refusal('VALIDATION_ERROR', 'A message has 1 to 1000 characters')
    end,
    -- Count the call before the filter, which costs far more than all checks above.
    private.use_rate_limit('add_dispute_message'),
    -- Staff may quote the details that a party wrote elsewhere. A party on the staff is a party.
    case
      when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id)
        then private.payment_text_refusal('content', v_content)
    end
  );
  if v_answer is null then
    insert into public.dispute_messages (
      dispute_id, sender_id, message_type, content, is_internal
    )
    values (
      p_dispute_id, auth.uid(),
      case
        when auth.uid() in (v_dispute.initiator_id, v_dispute.respondent_id) then 'user'
        else 'admin'
      end::public.dispute_message_type,
      v_content, coalesce(p_is_internal, false)
    )
    returning id into v_message_id;
    v_answer := jsonb_build_object('success', true, 'message_id', v_message_id);
  end if;
  return private.finish_request(p_client_request_id, v_answer);
end;
$$;
comment on function private.add_dispute_message is 'Write a message about a dispute; see the public wrapper.';
grant execute on function private.add_dispute_message to authenticated;

-- A text may write a sign by its number or name, as HTML and addresses do: "&#48;", "&#x30;",
-- "&commat;", "%40", "\u0040". These functions read such a text as the person who decodes it.
create or replace function private.decoded_text(p_text text)
returns private.folded_text
language plpgsql
immutable
set search_path = ''
as $$
declare
  -- Browsers also decode an entity without its semicolon. An entity may be encoded twice. People also
  -- read one with blanks; without its semicolon, that is rather a list of numbers, as in "#4 & #5".
  v_pattern constant text := '(?:&(?:amp;)*#(?:0*[0-9]{1,7}|x0*[0-9a-f]{1,6})'
    '|& ?(?:# ?0*[0-9]{1,7} ?;|# ?x0*[0-9a-f]{1,6} ?;|[a-z]{2,16};)'
    '|%(?:25)*[2-7][0-9a-f]|(?:\\x|\\u00|u\+00)[2-7][0-9a-f]|\\u\{0*[2-7][0-9a-f]\})';
  v_decoded private.folded_text;
begin
  if p_text collate "C" !~* v_pattern then
    return null;
  end if;
  with part as (
    select
      2 * plain.n as n,
      plain.text,
      null as sign
    from regexp_split_to_table(p_text collate "C", v_pattern, 'i')
      with ordinality as plain (text, n)
    union all
    select
      2 * entity.n + 1,
      entity.found[1],
      private.decoded_sign(entity.found[1])
    from regexp_matches(p_text collate "C", v_pattern, 'gi') with ordinality as entity (found, n)
  ),

  placed as (
    select
      part.*,
      coalesce(sum(char_length(part.text)) over (
        order by part.n rows between unbounded preceding and 1 preceding
      ), 0)::integer as start_at
    from part
  )

  select
    coalesce(string_agg(letter.glyph, '' order by letter.place), ''),
    -- The place after the last character tells where that one ends.
    array_agg(letter.place order by letter.place) || (char_length(p_text) + 1)
  into v_decoded.folded, v_decoded.origins
  from (
    select
      coalesce(placed.sign, glyph.glyph) as glyph,
      placed.start_at + glyph.n::integer as place
    from placed
    cross join lateral string_to_table(placed.text, null) with ordinality as glyph (glyph, n)
    where placed.sign is null or (glyph.n = 1 and placed.sign <> '')
  ) as letter;
  return v_decoded;
end;
$$;
comment on function private.decoded_text is 'Return a text with its entities and escapes as the signs that they stand for, the place of each sign in the text, and the place after the text. Return null for a text without any. Nothing is folded.';

create or replace function private.decoded_sign(p_entity text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_entity constant text := lower(translate(p_entity, ' ;}', '') collate "C");
  -- Nothing is left of a sign "&" alone.
  v_name constant text := coalesce(
    nullif(regexp_replace(v_entity, '^&(?:amp)*', ''), ''), 'amp'
  );
  v_code constant integer := case
    when left(v_name, 2) = '#x' then private.code_of_hex(substr(v_name, 3))
    when left(v_name, 1) = '#' then substr(v_name, 2)::integer
    when left(v_entity, 1) <> '&' then private.code_of_hex(right(v_entity, 2))
  end;
begin
  if v_code is not null then
    -- Other numbers are no characters.
    return case
      when v_code between 1 and 55295 or v_code between 57344 and 1114111 then chr(v_code)
    end;
  end if;
  return coalesce(
    -- A letter with an accent, or of a script of mathematics.
    substring(
      v_name
      from '^([a-z])(?:acute|breve|caron|cedil|circ|fr|grave|macr|ogon|opf|ring|scr|slash|strok'
      '|tilde|uml)$'
    ),
    case
      when
        v_name in (
          'emsp', 'ensp', 'hairsp', 'nbsp', 'newline', 'nonbreakingspace', 'tab',
          'thinsp'
        )
        then ' '
      when v_name in ('lrm', 'nobreak', 'rlm', 'shy', 'zerowidthspace', 'zwj', 'zwnj') then ''
      when v_name in ('dash', 'hyphen', 'mdash', 'minus', 'ndash') then '-'
      when v_name in ('bull', 'bullet', 'centerdot', 'dot', 'middot', 'period', 'sdot') then '.'
      when v_name = 'amp' then '&'
      when v_name = 'apos' then ''''
      when v_name in ('ast', 'midast') then '*'
      when v_name = 'bsol' then '\'
      when v_name in ('verbar', 'vert', 'verticalline') then '|'
      when v_name in ('lowbar', 'underbar') then '_'
      when v_name = 'colon' then ':'
      when v_name = 'semi' then ';'
      when v_name = 'comma' then ','
      when v_name = 'commat' then '@'
      when v_name = 'num' then '#'
      when v_name = 'dollar' then '$'
      when v_name = 'plus' then '+'
      when v_name = 'equals' then '='
      when v_name = 'excl' then '!'
      when v_name = 'quest' then '?'
      when v_name = 'percnt' then '%'
      when v_name in ('frasl', 'sol') then '/'
      when v_name = 'lt' then '<'
      when v_name = 'gt' then '>'
      when v_name = 'lpar' then '('
      when v_name = 'rpar' then ')'
      when v_name in ('lbrack', 'lsqb') then '['
      when v_name in ('rbrack', 'rsqb') then ']'
      when v_name in ('lbrace', 'lcub') then '{'
      when v_name in ('rbrace', 'rcub') then '}'
      when v_name = 'quot' then '"'
    end
  );
end;
$$;
comment on function private.decoded_sign is 'Return the sign that an entity or an escape stands for, or null if it is of no use to spell a detail.';
