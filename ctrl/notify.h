/* notify.h - tells the service manager how we are (sd_notify(3)), when there is one. */
#pragma once

/* Sends assignments, one a line ("READY=1\nSTATUS=..."), to $NOTIFY_SOCKET. Without it, or
 * when nobody listens, nothing happens. */
void notify_send(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
