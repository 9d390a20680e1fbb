/* tap.c - see tap.h. Addresses are set by rtnetlink: ioctls know one of them only. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct addr_request {
	struct nlmsghdr hdr;
	struct ifaddrmsg msg;
	uint8_t attrs[128];
};

struct addr_answer {
	struct nlmsghdr hdr;
	struct nlmsgerr error;
	uint8_t rest[512];
};

static void add_attr(struct addr_request *req, uint16_t type, const void *data, size_t len)
{
	struct rtattr *a = (void *)((uint8_t *)req + NLMSG_ALIGN(req->hdr.nlmsg_len));

	a->rta_type = type;
	a->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(a), data, len);
	req->hdr.nlmsg_len = NLMSG_ALIGN(req->hdr.nlmsg_len) + (uint32_t)RTA_SPACE(len);
}

/* Conflicts are weir's to find: the kernel need not look for them. */
static void fill_request(struct addr_request *req, unsigned index, const struct ip_prefix *p)
{
	bool v4 = ip_addr_is_v4(&p->ip);
	const void *ip = v4 ? (const void *)&p->ip.w[3] : p->ip.b;
	const uint32_t flags = IFA_F_NODAD;

	memset(req, 0, sizeof(*req));
	req->hdr.nlmsg_len = NLMSG_LENGTH(sizeof(req->msg));
	req->hdr.nlmsg_type = RTM_NEWADDR;
	req->hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
	req->msg.ifa_family = v4 ? AF_INET : AF_INET6;
	req->msg.ifa_prefixlen = (uint8_t)(v4 ? p->len - 96 : p->len);
	req->msg.ifa_index = index;
	add_attr(req, IFA_LOCAL, ip, v4 ? 4 : 16);
	add_attr(req, IFA_ADDRESS, ip, v4 ? 4 : 16);
	add_attr(req, IFA_FLAGS, &flags, sizeof(flags));
}

static int add_address(int netlink, unsigned index, const struct ip_prefix *p)
{
	struct addr_request req;
	struct addr_answer answer;

	fill_request(&req, index, p);
	if (send(netlink, &req, req.hdr.nlmsg_len, 0) < 0 ||
	    recv(netlink, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer.hdr))
		return -errno;
	return answer.hdr.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

static int add_addresses(const char *name, const struct iface_config *iface)
{
	int netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	unsigned index = if_nametoindex(name);
	int rc = netlink < 0 || index == 0 ? -errno : 0;

	for (unsigned i = 0; i < iface->n_addrs && rc == 0; i++)
		rc = add_address(netlink, index, &iface->addrs[i]);
	if (netlink >= 0)
		close(netlink);
	return rc;
}

/* A kernel without IPv6 has no such file, and needs none. */
static void set_ip6(const char *name, const struct iface_config *iface)
{
	bool wanted = false;
	char path[96];
	FILE *f;

	for (unsigned i = 0; i < iface->n_addrs; i++)
		wanted |= !ip_addr_is_v4(&iface->addrs[i].ip);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	f = fopen(path, "we");
	if (!f)
		return;
	fputs(wanted ? "0" : "1", f);
	fclose(f);
}

/* What ioctls set: hardware address, MTU, up. */
static int set_link(int sock, const char *name, const struct rte_ether_addr *mac, uint16_t mtu)
{
	struct ifreq req = {0};

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	req.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(req.ifr_hwaddr.sa_data, mac, sizeof(*mac));
	if (ioctl(sock, SIOCSIFHWADDR, &req) < 0)
		return -errno;
	req.ifr_mtu = mtu;
	if (ioctl(sock, SIOCSIFMTU, &req) < 0)
		return -errno;
	if (ioctl(sock, SIOCGIFFLAGS, &req) < 0)
		return -errno;
	req.ifr_flags |= IFF_UP;
	return ioctl(sock, SIOCSIFFLAGS, &req) < 0 ? -errno : 0;
}

static int set_up(const char *name, const struct iface_config *iface,
		  const struct rte_ether_addr *mac)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc;

	if (sock < 0)
		return -errno;
	set_ip6(name, iface);
	rc = set_link(sock, name, mac, iface->mtu);
	close(sock);
	return rc == 0 ? add_addresses(name, iface) : rc;
}

static const char *advice(int error)
{
	switch (error) {
	case ENOENT:
	case ENODEV:
		return "load the kernel's module tun";
	case EBUSY:
		return "end the other program that has an interface of this name";
	case EPERM:
	case EACCES:
		return "run as root, or with CAP_NET_ADMIN";
	default:
		return "see `ip address` for what may be in its way";
	}
}

int tap_open(const struct iface_config *iface, const struct rte_ether_addr *mac, char *err,
	     size_t err_len)
{
	struct ifreq req = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), rc = 0;

	snprintf(req.ifr_name, sizeof(req.ifr_name), TAP_PREFIX "%.*s", TAP_NAME_MAX, iface->name);
	if (fd < 0 || ioctl(fd, TUNSETIFF, &req) < 0)
		rc = -errno;
	else
		rc = set_up(req.ifr_name, iface, mac);
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	snprintf(err, err_len, "interface %s: cannot make the TAP %s: %s; %s", iface->name,
		 req.ifr_name, strerror(-rc), advice(-rc));
	return rc;
}
