-- side: both
-- Every read asks the fence, and every view of a data set whether it is kept. A table of a handful of rows is never analyzed by itself, and what is not known of it is
-- taken for ten pages: an index is then walked for what lies on one.
ANALYZE strangler_fence
