/* Departures of a serial line with finite buffers and blocking after service, by the max-plus
 * recursion: s(v,i) = max(d(v-1,i), d(v,i-1)), d(v,i) = max(s + p, s(v+1, i - cap(v+1))),
 * where cap counts the places of the buffer before machine v+1 (with none, the part leaves when
 * machine v+1 is free). Work is exponential with mean 1 min, drawn by
 * Philox4x32-10 and rounded to microseconds as Noria does. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static double uniform(uint64_t k, uint32_t machine, uint32_t seed) {
    uint32_t c0 = (uint32_t)k, c1 = (uint32_t)(k >> 32), c2 = machine, c3 = 0, k0 = seed, k1 = 0;
    for (int i = 0; i < 10; i++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return ((double)((((uint64_t)c1 << 32) | c0) >> 12) + 0.5) * 0x1p-52;
}

/* Parts that leave the last machine before `end` ticks. */
int64_t line(int64_t machines, int64_t buffer, int64_t end, uint32_t seed) {
    int64_t ring = buffer + 2, made = 0;
    int64_t *start = calloc((size_t)(machines * ring), sizeof *start); /* of the last parts */
    int64_t *left = calloc((size_t)machines, sizeof *left);            /* departure of the last */
    for (int64_t part = 0;; part++) {
        int64_t arrives = 0;
        for (int64_t v = 0; v < machines; v++) {
            int64_t s = left[v] > arrives ? left[v] : arrives;
            double u = uniform((uint64_t)part, (uint32_t)v, seed);
            int64_t work = (int64_t)floor(-log1p(-u) * 60e6 + 0.5);
            int64_t d = s + (work > 0 ? work : 1);
            if (v + 1 < machines && part >= buffer) {
                int64_t room = buffer ? start[(v + 1) * ring + (part - buffer) % ring] : left[v + 1];
                if (room > d) d = room;
            }
            start[v * ring + part % ring] = s;
            left[v] = arrives = d;
        }
        if (arrives >= end) break;
        made++;
    }
    free(start);
    free(left);
    return made;
}
