-- What follows a large load by itself, done before anything is measured.
vacuum (analyze) rooms, messages, receipts
