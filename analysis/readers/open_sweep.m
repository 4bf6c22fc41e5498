% A results file of sgdsweep in MATLAB (R2016b or later), which reads netCDF-4 itself.
%
%   addpath analysis/readers
%   sweep = open_sweep("my.h5");
%   mean(sweep.max_share, 1, "omitnan")     % seed is the first axis, activation the last: see sweep.axes
%
% Runs whose status is not in keep (default 1, converged) are NaN; status itself is whole. Variables with more axes than
% a run, such as weights, are read when named in also. Works while a sweep runs: call it again to see more.
function sweep = open_sweep(path, keep, also)
  if nargin < 2, keep = 1; end
  if nargin < 3, also = {}; end
  info = ncinfo(path);
  names = {info.Variables.Name};
  status = ncread(path, "status");
  dimensions = info.Variables(strcmp(names, "status")).Dimensions;
  sweep = struct("status", status, "axes", {{dimensions.Name}});
  for k = 1:numel(names)
    name = names{k};
    axes = info.Variables(k).Dimensions;
    if any(strcmp(name, {'status', 'checksum'})), continue; end
    if isempty(axes) || numel(axes) < numel(dimensions)
      sweep.(name) = ncread(path, name);
      continue
    end
    further = numel(axes) - numel(dimensions);
    if further > 0 && ~any(strcmp(name, also)), continue; end
    values = double(ncread(path, name));
    % Further axes come first: every run is a column of that many values.
    columns = reshape(values, [], numel(status));
    columns(:, ~ismember(status(:), keep)) = NaN;
    values = reshape(columns, size(values));
    sweep.(name) = values;
  end
end
