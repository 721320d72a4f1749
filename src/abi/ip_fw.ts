/**
 * The firewall's numbers: socket options, flags, sizes of structures, names of targets. Linux:
 * include/linux/ip_fw.h (2.2.12).
 */

/** Options of level SOL_IP, on any socket of AF_INET. */
export const IP_FW_APPEND = 64
/** Takes struct ip_fwnew. */
export const IP_FW_REPLACE = 65
/** Takes struct ip_fwdelnum. */
export const IP_FW_DELETE_NUM = 66
/** Takes struct ip_fwchange. */
export const IP_FW_DELETE = 67
/** Takes struct ip_fwnew. */
export const IP_FW_INSERT = 68
/** Takes a label. */
export const IP_FW_FLUSH = 69
/** Takes a label. */
export const IP_FW_ZERO = 70
/** Takes struct ip_fwtest. */
export const IP_FW_CHECK = 71
/** Takes three ints: clock ticks. */
export const IP_FW_MASQ_TIMEOUTS = 72
/** Takes a label. */
export const IP_FW_CREATECHAIN = 73
/** Takes a label. */
export const IP_FW_DELETECHAIN = 74
/** Takes struct ip_fwpolicy. */
export const IP_FW_POLICY = 75
/** Takes struct ip_masq_ctl. */
export const IP_FW_MASQ_CTL = 76

/** Letters of a label, without the NUL. */
export const IP_FW_MAX_LABEL_LENGTH = 8
/** Bytes of a label: ip_chainlabel. */
export const IP_FW_LABEL = 9
/** Bytes of struct ip_fw. */
export const IP_FW = 56
/** Bytes of struct ip_fwuser: a rule and its target, and three of padding. */
export const IP_FWUSER = 68
/** Bytes of struct ip_fwpolicy: two labels. */
export const IP_FWPOLICY = 18
/** Bytes of struct ip_fwdelnum. */
export const IP_FWDELNUM = 16
/** Bytes of struct ip_fwtest: an IP header, a transport header, an address, an interface, a label. */
export const IP_FWTEST = 72
/** Bytes of struct ip_fw_masq. */
export const IP_FW_MASQ = 12

/** Log matching packets. */
export const IP_FW_F_PRN = 0x01
/** Only what opens a connection: SYN without ACK and RST. */
export const IP_FW_F_TCPSYN = 0x02
/** Only second and further pieces. */
export const IP_FW_F_FRAG = 0x04
/** Set the mark, do not add to it. */
export const IP_FW_F_MARKABS = 0x08
/** The interface's name is only how names begin. */
export const IP_FW_F_WILDIF = 0x10
/** Copy matching packets to NETLINK_FIREWALL. */
export const IP_FW_F_NETLINK = 0x20
/** All flags that there are. */
export const IP_FW_F_MASK = 0x3f

/** Not from the source. */
export const IP_FW_INV_SRCIP = 0x01
/** Not to the destination. */
export const IP_FW_INV_DSTIP = 0x02
/** Not the protocol. */
export const IP_FW_INV_PROTO = 0x04
/** Not from the ports. */
export const IP_FW_INV_SRCPT = 0x08
/** Not to the ports. */
export const IP_FW_INV_DSTPT = 0x10
/** Not through the interface. */
export const IP_FW_INV_VIA = 0x20
/** Not what opens a connection. */
export const IP_FW_INV_SYN = 0x40
/** Not second and further pieces. */
export const IP_FW_INV_FRAG = 0x80

/** Ports that masquerading uses: from here up to, but without, PORT_MASQ_END. */
export const PORT_MASQ_BEGIN = 61000
/** No socket may have it either. */
export const PORT_MASQ_END = 65096
