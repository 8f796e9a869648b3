/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions (facts section 5).  Those of --region are known to every dialect; the first has the data
 * and the others nothing.  Without that option API 3.0 has more of them, which hold a little.
 */
#include "regions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actions.h"
#include "cbsfs/clock.h"
#include "cbsfs/fields.h"

static const char *const elsewhere[] = {"ap-beijing", "ap-singapore"};

/* The names that the API gives, as far as anybody reads them here. */
static const struct {
    const char *region;
    const char *name;
} names[] = {
    {"ap-guangzhou", "华南地区(广州)"},    {"ap-beijing", "华北地区(北京)"},
    {"ap-shanghai", "华东地区(上海)"},     {"ap-singapore", "亚太东南(新加坡)"},
    {"ap-taipei", "港澳台地区(中国台北)"},
};

static size_t count_regions(const char *list)
{
    size_t count = 1;

    for (; *list; list++)
        count += *list == ',';
    return count;
}

static void account_init(struct account *account, const struct options *options, size_t number)
{
    account->create_time = options->create_time;
    account->rollback_time = options->rollback_time;
    account->delete_time = options->delete_time;
    account->copy_time = options->copy_time;
    account->random = options->seed + number;
    account->number = number;
}

int regions_make(struct sim *sim)
{
    const struct options *options = &sim->options;
    const char *region = options->regions ? options->regions : "ap-guangzhou";
    size_t more = options->regions ? 0 : sizeof elsewhere / sizeof *elsewhere;
    int64_t wall = clock_wall() / 1000;

    sim->account_count = count_regions(region);
    sim->region_count = sim->account_count + more;
    sim->accounts = calloc(sim->region_count, sizeof *sim->accounts);
    if (!sim->accounts)
        return -ENOMEM;
    for (size_t i = 0; i < sim->account_count; i++) {
        size_t length = strcspn(region, ",");

        account_init(&sim->accounts[i], options, i);
        snprintf(sim->accounts[i].region, sizeof sim->accounts[i].region, "%.*s", (int)length,
                 region);
        sim->accounts[i].filled = true;
        region += length + (region[length] == ',');
    }
    for (size_t i = 0; i < more; i++) {
        struct account *account = &sim->accounts[sim->account_count + i];

        account_init(account, options, sim->account_count + i);
        snprintf(account->region, sizeof account->region, "%s", elsewhere[i]);
    }
    if (options->disks < 0)
        return account_fill_demo(&sim->accounts[0], wall);
    return account_fill_generated(&sim->accounts[0], options->disks, options->snapshots, wall);
}

void regions_free(struct sim *sim)
{
    for (size_t i = 0; i < sim->region_count; i++)
        account_free(&sim->accounts[i]);
    free(sim->accounts);
}

struct account *region_find(struct sim *sim, const char *name, int *status)
{
    *status = 0;
    for (size_t i = 0; i < sim->region_count; i++) {
        struct account *account = &sim->accounts[i];

        if (strcmp(account->region, name) != 0)
            continue;
        if (!account->filled) {
            account->filled = true;
            *status = account_fill_elsewhere(account, clock_wall() / 1000);
        }
        return account;
    }
    return NULL;
}

static json_t *region_render(const char *region, bool available)
{
    const char *name = region;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i].region, region) == 0)
            name = names[i].name;
    }
    return json_pack("{s:s, s:s, s:s, s:n, s:n, s:n, s:n}", "Region", region, "RegionName", name,
                     "RegionState", available ? "AVAILABLE" : "UNAVAILABLE", "RegionTypeMC",
                     "LocationMC", "RegionNameMC", "RegionIdMC");
}

int describe_regions(struct api_request *request)
{
    const struct sim *sim = request->sim;
    json_t *set = json_array();
    int status = set ? 0 : -ENOMEM;

    if (strcmp(field_text(request->parameters, "Product", ""), "cbs") != 0) {
        json_decref(set);
        return api_refuse(request, "InvalidParameter", "Product: only cbs is simulated");
    }
    for (size_t i = 0; status == 0 && i < sim->region_count; i++)
        status = json_array_append_new(set, region_render(sim->accounts[i].region, true));
    /* One that was closed is told all the same. */
    if (status == 0 && !sim->options.regions)
        status = json_array_append_new(set, region_render("ap-taipei", false));
    if (status < 0 ||
        json_object_set_new(request->reply, "TotalCount",
                            json_integer((json_int_t)json_array_size(set))) < 0 ||
        json_object_set(request->reply, "RegionSet", set) < 0)
        status = -ENOMEM;
    json_decref(set);
    return status;
}
