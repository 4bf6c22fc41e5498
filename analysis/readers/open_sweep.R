# A results file of sgdsweep in R, with ncdf4 (Debian: r-cran-ncdf4).
#
#   source("analysis/readers/open_sweep.R")
#   sweep <- open_sweep("my.h5")
#   apply(sweep$max_share, c("batch", "activation"), mean, na.rm = TRUE)
#
# Value: a list of arrays with named dimensions, the axes in R's order (seed first, activation last; a trajectory's record
# before seed). Runs whose status is not in `keep` are NA; `status` itself is whole. attr(sweep$loss, "units") is the unit.
# `also`: variables with more axes than a run, such as "weights". Works while a sweep runs: call it again to see more.
# Integers beyond 2^53 do not occur, so doubles hold them. Steps that never came (-1 in the file) are NA too.
library(ncdf4)

open_sweep <- function(path, keep = 1, also = character()) {
  invisible(capture.output(file <- nc_open(path)))  # it prints a warning for every 64-bit integer
  on.exit(nc_close(file))
  run_axes <- c("seed", "step_value", "batch", "dimension", "sampling", "activation")
  read <- function(name) {
    variable <- file$var[[name]]
    axes <- vapply(variable$dim, function(axis) axis$name, "")
    values <- ncvar_get(file, name, collapse_degen = FALSE, raw_datavals = name == "status")
    labels <- lapply(variable$dim, function(axis) as.character(axis$vals))
    structure(values, dim = lengths(labels), dimnames = setNames(labels, axes), units = variable$units)
  }
  status <- read("status")
  sweep <- list(status = status)
  for (name in setdiff(names(file$var), c("status", "checksum"))) {
    axes <- vapply(file$var[[name]]$dim, function(axis) axis$name, "")
    if (all(run_axes %in% axes)) {
      if (length(axes) > length(run_axes) && !(name %in% also)) next
      values <- read(name)
      # Further axes vary faster than a run's: every run is repeated that often.
      values[rep(!(status %in% keep), each = length(values) / length(status))] <- NA
      sweep[[name]] <- values
    } else {
      sweep[[name]] <- ncvar_get(file, name, collapse_degen = FALSE)
    }
  }
  sweep
}
