# A results file of sgdsweep in Julia, with NCDatasets.jl.
#
#   include("analysis/readers/open_sweep.jl")
#   sweep = open_sweep("my.h5")
#   sweep["max_share"]            # an array over sweep["axes"], seed first, activation last, as Julia stores it
#
# Runs whose status is not in `keep` are missing; "status" itself is whole. Variables with more axes than a run, such as
# "weights", are read when named in `also`. Works while a sweep runs: call it again to see more.
using NCDatasets

function open_sweep(path; keep = (1,), also = ())
    NCDataset(path) do file
        status = Array(file["status"].var)
        sweep = Dict{String,Any}("status" => status, "axes" => dimnames(file["status"]), "units" => Dict{String,String}())
        for (name, variable) in file
            name in ("status", "checksum") && continue
            further = ndims(variable) - ndims(status)
            values = Array(variable)
            if "seed" in dimnames(variable) && ndims(variable) >= ndims(status)
                further > 0 && !(name in also) && continue
                # Further axes come first: every run is repeated along them.
                there = reshape(in.(status, Ref(keep)), (ntuple(_ -> 1, further)..., size(status)...))
                values = ifelse.(there, values, missing)
            end
            sweep[name] = values
            sweep["units"][name] = get(variable.attrib, "units", "1")
        end
        sweep
    end
end
