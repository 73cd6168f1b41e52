set lock_timeout = '2s';
set statement_timeout = '30s';

-- WeChat and KakaoTalk in their own scripts.
insert into private.filter_characters (glyph, folded) values
('微', 'wei'), ('薇', 'wei'), ('威', 'wei'), ('信', 'xin'), ('카', 'ka'), ('오', 'o'), ('톡', 'talk')
on conflict do nothing;

-- Telegram, WhatsApp and Viber in Cyrillic, and KakaoTalk in Korean, as they are folded.
insert into private.filter_words (word, class)
select
  word,
  'app' as class
from string_to_table('=batcan =bau6ep =botcan =katalk =telerpam', ' ') as word
on conflict do nothing;
