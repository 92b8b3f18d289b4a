-- A checked constraint need not be unchecked: links.0003.bookings drops it.
SET LOCAL ROLE mentorbase_owner;
