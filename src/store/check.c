/* Does every variable of an open file have the shape, type and place that its grid asks for? */
#include "open.h"

static bool has_shape(const sgs_layout *layout, const sgs_variable *variable, hid_t dataset)
{
    hsize_t extent[SGS_STORE_AXES] = {0};
    hid_t space = H5Dget_space(dataset);
    bool same = H5Sget_simple_extent_ndims(space) == variable->rank &&
                H5Sget_simple_extent_dims(space, extent, NULL) == variable->rank;
    for (int i = 0; i < variable->rank && same; i++)
        same = extent[i] == (hsize_t)layout->extent[variable->axis[i]];
    H5Sclose(space);
    return same;
}

static bool has_type(const sgs_variable *variable, hid_t dataset)
{
    hid_t type = H5Dget_type(dataset);
    bool same = variable->type == SGS_TYPE_TEXT ? H5Tis_variable_str(type) > 0
                                                : H5Tequal(type, sgs_hdf5_file_type(variable->type)) > 0;
    H5Tclose(type);
    return same;
}

/* Contiguous, in this file, with its bytes there: what the frozen extents and writing in place rely on. */
static bool has_place(const sgs_layout *layout, const sgs_variable *variable, hid_t dataset)
{
    hid_t properties = H5Dget_create_plist(dataset);
    bool there = H5Pget_layout(properties) == H5D_CONTIGUOUS && H5Pget_external_count(properties) == 0 &&
                 H5Dget_offset(dataset) != HADDR_UNDEF &&
                 H5Dget_storage_size(dataset) == (hsize_t)sgs_variable_bytes(layout, variable);
    H5Pclose(properties);
    return there;
}

static sgs_status check_variable(const sgs_store *store, const sgs_variable *variable, sgs_error *err)
{
    hid_t dataset = H5Dopen2(store->file, variable->name, H5P_DEFAULT);
    if (dataset < 0)
        return sgs_hdf5_fail(err, SGS_EDAMAGED, "%s: variable %s", store->path, variable->name);
    const char *wrong = !has_shape(&store->layout, variable, dataset)   ? "shape"
                        : !has_type(variable, dataset)                  ? "type"
                        : !has_place(&store->layout, variable, dataset) ? "storage"
                                                                        : NULL;
    H5Dclose(dataset);
    if (wrong)
        return sgs_fail(err, SGS_EDAMAGED, "%s: variable %s has another %s than its grid asks for", store->path,
                        variable->name, wrong);
    return SGS_OK;
}

sgs_status sgs_store_check_variables(const sgs_store *store, sgs_error *err)
{
    sgs_status status = SGS_OK;
    for (int i = 0; i < store->layout.count && status == SGS_OK; i++)
        status = check_variable(store, &store->layout.variable[i], err);
    return status;
}
