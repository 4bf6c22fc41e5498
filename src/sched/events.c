#include "events.h"
#include <stdlib.h>

static bool is_before(const struct event *a, const struct event *b)
{
    return a->time_s < b->time_s || (a->time_s == b->time_s && a->order < b->order);
}

bool events_add(struct events *events, double time_s, int what, int who)
{
    if (events->count == events->capacity) {
        size_t capacity = events->capacity ? 2 * events->capacity : 64;
        struct event *grown = realloc(events->at, capacity * sizeof *grown);
        if (!grown)
            return false;
        events->at = grown;
        events->capacity = capacity;
    }
    struct event event = {time_s, events->added++, what, who};
    size_t place = events->count++;
    while (place > 0 && is_before(&event, &events->at[(place - 1) / 2])) {
        events->at[place] = events->at[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    events->at[place] = event;
    return true;
}

struct event events_take(struct events *events)
{
    struct event first = events->at[0];
    struct event last = events->at[--events->count];
    size_t place = 0;

    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= events->count)
            break;
        if (child + 1 < events->count && is_before(&events->at[child + 1], &events->at[child]))
            child++;
        if (!is_before(&events->at[child], &last))
            break;
        events->at[place] = events->at[child];
        place = child;
    }
    if (events->count > 0)
        events->at[place] = last;
    return first;
}
