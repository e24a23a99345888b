-- What is stored, by room: the rows, their range, and where the room itself stands (null for writers that do not keep rooms).
select m.room_key, count(*) as rows, min(m.seq) as first, max(m.seq) as last, max(r.last_seq) as standing
from messages m
left join rooms r on r.room_key = m.room_key
group by m.room_key
