/* Many subscribers in one process: WebSockets that speak `graphql-transport-ws`, each with one subscription.
 *
 *   sockets PORT CONNECTIONS INIT SUBSCRIBE RECORDS [RECEIVE_BUFFER]
 *
 * INIT and SUBSCRIBE are files with the two messages that a client sends. Every message that comes carries
 * `"seq":N`; those of a connection must count up one by one from the first. RECEIVE_BUFFER makes the first
 * connection one that holds little. Said on standard input, a word a line, each answered by one line of JSON:
 *
 *   count    what has come so far           forget   drops what was recorded
 *   stall K  the first K are not read       flow     they are read again
 *   record   writes what came to RECORDS: (connection, seq) as 32 bits each, and the monotonic clock, 64 bits
 *   quit     closes everything
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
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, EVENTS = 512, AT_ONCE = 64, FRAME_HEAD = 14 };
enum { CONNECTING, GREETING, WAITING, FOLLOWING, CLOSED };

typedef struct {
    uint32_t connection, seq;
    uint64_t at;
} Record;

typedef struct {
    int socket, state;
    uint32_t number, last;
    uint64_t frames;
    char *rest;
    size_t rest_length;
} Connection;

static Connection *all;
static uint32_t wanted, opened, following, stalled;
static int poller, port, receive_buffer;
static char *greeting, *request, *buffer;
static const char *records_path;
static Record *records;
static size_t record_count, record_room;
static uint64_t disorder, closed, bytes_read, latest;
static char complaint[300];

static void die(const char *what) {
    fprintf(stderr, "sockets: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

static char *text_of(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    char *text = calloc(1, 65536);
    if (!text || !fread(text, 1, 65535, file)) die(path);
    fclose(file);
    return text;
}

static void write_all(Connection *one, const char *bytes, size_t length) {
    if (write(one->socket, bytes, length) != (ssize_t)length) die("a message did not fit");
}

/* A client masks what it sends; a mask of zeros leaves it as it is. */
static void send_frame(Connection *one, int opcode, const char *text, size_t length) {
    char frame[65536 + FRAME_HEAD];
    size_t at = 0;
    frame[at++] = (char)(0x80 | opcode);
    if (length < 126) frame[at++] = (char)(0x80 | length);
    else {
        frame[at++] = (char)(0x80 | 126);
        frame[at++] = (char)(length >> 8);
        frame[at++] = (char)length;
    }
    memset(frame + at, 0, 4);
    memcpy(frame + at + 4, text, length);
    write_all(one, frame, at + 4 + length);
}

static void watch(Connection *one, int how, uint32_t events) {
    struct epoll_event asked = {.events = events, .data.ptr = one};
    if (epoll_ctl(poller, how, one->socket, &asked)) die("epoll");
}

static void open_next(void) {
    if (opened == wanted) return;
    Connection *one = &all[opened];
    one->number = opened++;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    if ((one->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) < 0) die("socket");
    if (receive_buffer && !one->number) {
        /* Small segments too: the sender's buffer is made for ten of them, and they are large on loopback. */
        int segment = 1400;
        setsockopt(one->socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
        setsockopt(one->socket, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    }
    setsockopt(one->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(one->socket, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS) die("connect");
    watch(one, EPOLL_CTL_ADD, EPOLLOUT);
}

static void shake_hands(Connection *one) {
    char head[400];
    int length = snprintf(head, sizeof head,
                          "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n",
                          port);
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(one->socket, SOL_SOCKET, SO_ERROR, &error, &size) || error) {
        errno = error;
        die("connect");
    }
    write_all(one, head, (size_t)length);
    one->state = GREETING;
    watch(one, EPOLL_CTL_MOD, EPOLLIN);
}

static void end(Connection *one) {
    if (one->state == CLOSED) return;
    if (one->state == FOLLOWING) following--;
    else open_next();
    one->state = CLOSED;
    closed++;
    close(one->socket);
}

static void note(Connection *one, uint32_t seq, uint64_t at) {
    if (one->last && seq != one->last + 1) disorder++;
    one->last = seq;
    one->frames++;
    if (record_count == record_room) {
        record_room = record_room * 2 + 65536;
        if (!(records = realloc(records, record_room * sizeof *records))) die("memory");
    }
    records[record_count++] = (Record){one->number, seq, at};
    latest = at;
}

static void understand(Connection *one, const char *text, size_t length, uint64_t at) {
    const char *found = memmem(text, length, "\"seq\":", 6);
    if (found) {
        found += 6;
        while (*found == ' ') found++;
        note(one, (uint32_t)strtoul(found, NULL, 10), at);
    } else if (memmem(text, length, "connection_ack", 14)) {
        send_frame(one, 1, request, strlen(request));
        one->state = FOLLOWING;
        following++;
        open_next();
    } else if (memmem(text, length, "\"ping\"", 6)) {
        send_frame(one, 1, "{\"type\":\"pong\"}", 15);
    } else if (!memmem(text, length, "\"pong\"", 6) && !*complaint) {
        snprintf(complaint, sizeof complaint, "%.*s", (int)length, text);
    }
}

/* The frames in the bytes; how many bytes they took. */
static size_t take_frames(Connection *one, const char *bytes, size_t length, uint64_t at) {
    size_t done = 0;
    while (one->state != CLOSED && length - done >= 2) {
        const unsigned char *frame = (const unsigned char *)bytes + done;
        size_t head = 2, size = frame[1] & 0x7f;
        if (size == 126) head = 4;
        if (size == 127) head = 10;
        if (length - done < head) break;
        if (head == 4) size = (size_t)frame[2] << 8 | frame[3];
        if (head == 10) for (size = 0, head = 2; head < 10; head++) size = size << 8 | frame[head];
        if (length - done < head + size) break;
        const char *text = (const char *)frame + head;
        int opcode = frame[0] & 0x0f;
        if (frame[0] & 0x40) die("a compressed frame");
        if (opcode == 1) understand(one, text, size, at);
        else if (opcode == 9) send_frame(one, 10, text, size);
        else if (opcode == 8) {
            if (!*complaint && size > 2) snprintf(complaint, sizeof complaint, "closed: %.*s", (int)size - 2, text + 2);
            end(one);
        }
        done += head + size;
    }
    return done;
}

static void take(Connection *one) {
    size_t had = one->rest_length;
    if (had) memcpy(buffer, one->rest, had);
    ssize_t length = read(one->socket, buffer + had, BUFFER - had);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
        end(one);
        return;
    }
    bytes_read += (uint64_t)length;
    uint64_t at = now();
    size_t whole = had + (size_t)length, done = 0;
    buffer[whole] = 0;
    if (one->state == GREETING) {
        char *gap = memmem(buffer, whole, "\r\n\r\n", 4);
        if (gap) {
            if (strncmp(buffer, "HTTP/1.1 101", 12)) {
                snprintf(complaint, sizeof complaint, "%.*s", 200, buffer);
                end(one);
                return;
            }
            done = (size_t)(gap + 4 - buffer);
            one->state = WAITING;
            send_frame(one, 1, greeting, strlen(greeting));
        }
    }
    if (one->state != GREETING) done += take_frames(one, buffer + done, whole - done, at);
    if (one->state == CLOSED) return;
    size_t rest = whole - done;
    if (rest != one->rest_length || rest) {
        if (rest > one->rest_length && !(one->rest = realloc(one->rest, rest))) die("memory");
        if (rest) memcpy(one->rest, buffer + done, rest);
        one->rest_length = rest;
    }
}

static void tell(void) {
    uint32_t least = UINT32_MAX;
    uint64_t frames = 0;
    for (uint32_t at = stalled; at < opened; at++) {
        if (all[at].state == FOLLOWING && all[at].last < least) least = all[at].last;
        frames += all[at].frames;
    }
    for (char *at = complaint; *at; at++)
        if (*at < ' ' || *at == '"' || *at == '\\' || *at > '~') *at = ' ';
    printf("{\"following\": %u, \"frames\": %llu, \"least\": %u, \"disorder\": %llu, \"closed\": %llu, "
           "\"records\": %zu, \"bytes\": %llu, \"stalled\": %llu, \"latest\": %llu, \"complaint\": \"%s\"}\n",
           following, (unsigned long long)frames, least == UINT32_MAX ? 0 : least, (unsigned long long)disorder,
           (unsigned long long)closed, record_count, (unsigned long long)bytes_read,
           (unsigned long long)(stalled ? all[0].frames : 0), (unsigned long long)latest, complaint);
    fflush(stdout);
}

static void write_records(void) {
    FILE *file = fopen(records_path, "wb");
    if (!file || fwrite(records, sizeof *records, record_count, file) != record_count || fclose(file)) die("records");
}

static int obey(void) {
    char line[64];
    if (!fgets(line, sizeof line, stdin) || !strncmp(line, "quit", 4)) return 0;
    if (!strncmp(line, "forget", 6)) record_count = 0;
    if (!strncmp(line, "record", 6)) write_records();
    if (!strncmp(line, "stall", 5)) {
        stalled = (uint32_t)atoi(line + 5);
        for (uint32_t at = 0; at < stalled; at++) epoll_ctl(poller, EPOLL_CTL_DEL, all[at].socket, NULL);
    }
    if (!strncmp(line, "flow", 4)) {
        for (uint32_t at = 0; at < stalled; at++)
            if (all[at].state != CLOSED) watch(&all[at], EPOLL_CTL_ADD, EPOLLIN);
        stalled = 0;
    }
    tell();
    return 1;
}

int main(int count, char **words) {
    if (count < 6) return fprintf(stderr, "sockets PORT CONNECTIONS INIT SUBSCRIBE RECORDS [BUFFER]\n"), 2;
    port = atoi(words[1]);
    wanted = (uint32_t)atoi(words[2]);
    greeting = text_of(words[3]);
    request = text_of(words[4]);
    records_path = words[5];
    receive_buffer = count > 6 ? atoi(words[6]) : 0;
    all = calloc(wanted, sizeof *all);
    buffer = malloc(BUFFER + 1);
    if (!all || !buffer || (poller = epoll_create1(0)) < 0) die("start");
    struct epoll_event ready[EVENTS], words_come = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, STDIN_FILENO, &words_come)) die("epoll");
    setvbuf(stdin, NULL, _IONBF, 0);
    for (int at = 0; at < AT_ONCE; at++) open_next();
    for (;;) {
        int found = epoll_wait(poller, ready, EVENTS, -1);
        if (found < 0) die("wait");
        for (int at = 0; at < found; at++) {
            Connection *one = ready[at].data.ptr;
            if (!one) {
                if (!obey()) return 0;
            } else if (one->state == CONNECTING) shake_hands(one);
            else if (one->state != CLOSED) take(one);
        }
    }
}
