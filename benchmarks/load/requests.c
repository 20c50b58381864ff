/* Sends prepared HTTP/1.1 requests over connections that stay open, one at a time on each, and tells how long
 * each answer took.
 *
 *   requests PORT CONNECTIONS SECONDS FILE
 *
 * The file holds requests one behind the other, each after its length (32 bits, this machine's order); they
 * are sent in turn, over and over. What comes back is read to its end by `content-length` or in chunks, and
 * not looked into. One line of JSON is printed. Whatever does not answer 200 is counted, and the first is shown.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 1024, HEAD = 16384, BUFFER = 262144, SHOWN = 300 };

typedef struct {
    const char *bytes;
    uint32_t length;
} Request;

typedef struct {
    int socket;
    const Request *request;
    uint64_t began;
    char head[HEAD + 1];
    uint32_t head_length;
    int in_body, chunked, status;
    int64_t body_left;
    char line[32];
    uint32_t line_length;
    int chunk_state;
} Connection;

enum { CHUNK_SIZE, CHUNK_DATA, CHUNK_END, CHUNK_TRAILER };

static Request *requests;
static uint32_t request_count, next_request;
static uint32_t *latencies;
static size_t latency_count, latency_room;
static uint64_t refused, bytes_read, ends_at;
static char shown[SHOWN + 1];
static int poller;

static void die(const char *what) {
    fprintf(stderr, "requests: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static void read_requests(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    uint32_t length, room = 0;
    while (fread(&length, sizeof length, 1, file) == 1) {
        char *bytes = malloc(length);
        if (!bytes || fread(bytes, 1, length, file) != length) die("a request is cut off");
        if (request_count == room && !(requests = realloc(requests, (room = room * 2 + 64) * sizeof *requests)))
            die("memory");
        requests[request_count++] = (Request){bytes, length};
    }
    fclose(file);
    if (!request_count) die("no requests");
}

static void note(uint64_t nanoseconds) {
    if (latency_count == latency_room) {
        latency_room = latency_room * 2 + 65536;
        if (!(latencies = realloc(latencies, latency_room * sizeof *latencies))) die("memory");
    }
    uint64_t micro = nanoseconds / 1000;
    latencies[latency_count++] = micro > UINT32_MAX ? UINT32_MAX : (uint32_t)micro;
}

static void begin(Connection *one) {
    one->request = &requests[next_request++ % request_count];
    one->head_length = one->line_length = 0;
    one->in_body = one->chunked = 0;
    one->began = now();
    /* The socket's buffer is empty: the answer to what was in it has come. */
    if (write(one->socket, one->request->bytes, one->request->length) != (ssize_t)one->request->length)
        die("a request did not fit");
}

static void finish(Connection *one, uint64_t at) {
    note(at - one->began);
    if (one->status != 200 && !refused++) snprintf(shown, sizeof shown, "%.*s", SHOWN, one->head);
    if (at < ends_at) begin(one);
    else one->request = NULL;
}

static void understand_head(Connection *one) {
    one->status = one->head_length > 12 ? atoi(one->head + 9) : 0;
    one->body_left = -1;
    for (char *line = strstr(one->head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, "content-length:", 15)) one->body_left = atoll(line + 15);
        if (!strncasecmp(line, "transfer-encoding: chunked", 26)) one->chunked = 1;
        if (!strncasecmp(line, "connection: close", 17)) die("the server closes its connections");
    }
    if (!one->chunked && one->body_left < 0) die("an answer without a length");
    one->in_body = 1;
    one->chunk_state = CHUNK_SIZE;
}

/* Takes what belongs to the body; 1 when the body is at its end. */
static int take_chunks(Connection *one, const char *bytes, size_t length, size_t *taken) {
    size_t at = 0;
    while (at < length) {
        if (one->chunk_state == CHUNK_DATA) {
            size_t part = (size_t)one->body_left < length - at ? (size_t)one->body_left : length - at;
            at += part;
            if (!(one->body_left -= (int64_t)part)) one->chunk_state = CHUNK_END;
            continue;
        }
        char byte = bytes[at++];
        if (byte == '\r') continue;
        if (byte != '\n') {
            if (one->line_length < sizeof one->line - 1) one->line[one->line_length++] = byte;
            continue;
        }
        one->line[one->line_length] = 0;
        uint32_t had = one->line_length;
        one->line_length = 0;
        if (one->chunk_state == CHUNK_END) one->chunk_state = CHUNK_SIZE;
        else if (one->chunk_state == CHUNK_SIZE) {
            one->body_left = strtoll(one->line, NULL, 16);
            one->chunk_state = one->body_left ? CHUNK_DATA : CHUNK_TRAILER;
        } else if (!had) {
            *taken = at;
            return 1;
        }
    }
    *taken = at;
    return 0;
}

static int take_body(Connection *one, const char *bytes, size_t length) {
    size_t taken = length;
    if (one->chunked) {
        int done = take_chunks(one, bytes, length, &taken);
        if (done && taken != length) die("bytes behind an answer");
        return done;
    }
    if ((int64_t)length > one->body_left) die("bytes behind an answer");
    return !(one->body_left -= (int64_t)length);
}

static void take(Connection *one, const char *bytes, size_t length) {
    bytes_read += length;
    if (!one->request) die("an answer that nobody asked for");
    if (!one->in_body) {
        if (one->head_length + length > HEAD && one->head_length == HEAD) die("a head without an end");
        size_t part = length < HEAD - one->head_length ? length : HEAD - one->head_length;
        uint32_t before = one->head_length;
        memcpy(one->head + before, bytes, part);
        one->head[one->head_length += (uint32_t)part] = 0;
        char *end = strstr(one->head, "\r\n\r\n");
        if (!end) return;
        uint32_t head = (uint32_t)(end + 4 - one->head);
        bytes += head - before;
        length -= head - before;
        one->head_length = head;
        understand_head(one);
        if (!length && (one->chunked || one->body_left)) return;
    }
    if (take_body(one, bytes, length)) finish(one, now());
}

static int reaches(int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int made = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (made < 0 || connect(made, (struct sockaddr *)&to, sizeof to)) die("connect");
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(made, F_SETFL, O_NONBLOCK);
    return made;
}

static int by_size(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static double share(double part) {
    size_t at = (size_t)(part * (double)latency_count);
    return latency_count ? latencies[at < latency_count ? at : latency_count - 1] / 1000.0 : 0;
}

static void tell(double seconds) {
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    for (char *at = shown; *at; at++)
        if (*at < ' ' || *at == '"' || *at == '\\' || *at > '~') *at = ' ';
    printf("{\"answers\": %zu, \"seconds\": %.6f, \"p50\": %.3f, \"p99\": %.3f, \"refused\": %llu, "
           "\"bytes\": %llu, \"shown\": \"%s\"}\n",
           latency_count, seconds, share(0.5), share(0.99), (unsigned long long)refused,
           (unsigned long long)bytes_read, shown);
}

int main(int count, char **words) {
    if (count != 5) return fprintf(stderr, "requests PORT CONNECTIONS SECONDS FILE\n"), 2;
    int width = atoi(words[2]);
    if (width < 1 || width > MOST_CONNECTIONS) die("connections");
    read_requests(words[4]);
    Connection *all = calloc((size_t)width, sizeof *all);
    char *buffer = malloc(BUFFER);
    struct epoll_event ready[MOST_CONNECTIONS];
    if (!all || !buffer || (poller = epoll_create1(0)) < 0) die("start");
    for (int at = 0; at < width; at++) {
        all[at].socket = reaches(atoi(words[1]));
        struct epoll_event asked = {.events = EPOLLIN, .data.ptr = &all[at]};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, all[at].socket, &asked)) die("epoll");
    }
    uint64_t began = now();
    ends_at = began + (uint64_t)(atof(words[3]) * 1e9);
    for (int at = 0; at < width; at++) begin(&all[at]);
    int open = width;
    while (open) {
        int found = epoll_wait(poller, ready, MOST_CONNECTIONS, 30000);
        if (found <= 0) die(found ? "wait" : "no answer in 30 seconds");
        for (int at = 0; at < found; at++) {
            Connection *one = ready[at].data.ptr;
            ssize_t length = read(one->socket, buffer, BUFFER);
            if (length < 0 && errno == EAGAIN) continue;
            if (length <= 0) die("the server has closed a connection");
            take(one, buffer, (size_t)length);
            if (!one->request) open--;
        }
    }
    tell((double)(now() - began) / 1e9);
    return 0;
}
