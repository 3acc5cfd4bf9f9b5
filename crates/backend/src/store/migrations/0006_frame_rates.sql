-- So many frames a second are shown to a viewer at most; 0 for as many as there are.
ALTER TABLE sessions ADD COLUMN max_frames_per_second INTEGER NOT NULL DEFAULT 0;
