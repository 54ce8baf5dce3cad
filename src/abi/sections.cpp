// The section-name table and how a name is matched against it.
//
// The first row that fits wins, so longer names of one family stand before shorter ones. Attach types are the numbers
// of enum bpf_attach_type; a program may be loaded with 0 where a row has none.
#include "abi/sections.hpp"

#include <cctype>
#include <cstddef>

namespace skep::abi {
namespace {

/// enum bpf_attach_type, as far as section names use it.
namespace attach {
constexpr std::uint32_t cgroup_inet_ingress = 0;
constexpr std::uint32_t cgroup_inet_egress = 1;
constexpr std::uint32_t cgroup_inet_sock_create = 2;
constexpr std::uint32_t cgroup_sock_ops = 3;
constexpr std::uint32_t sk_skb_stream_parser = 4;
constexpr std::uint32_t sk_skb_stream_verdict = 5;
constexpr std::uint32_t cgroup_device = 6;
constexpr std::uint32_t sk_msg_verdict = 7;
constexpr std::uint32_t cgroup_inet4_bind = 8;
constexpr std::uint32_t cgroup_inet6_bind = 9;
constexpr std::uint32_t cgroup_inet4_connect = 10;
constexpr std::uint32_t cgroup_inet6_connect = 11;
constexpr std::uint32_t cgroup_inet4_post_bind = 12;
constexpr std::uint32_t cgroup_inet6_post_bind = 13;
constexpr std::uint32_t cgroup_udp4_sendmsg = 14;
constexpr std::uint32_t cgroup_udp6_sendmsg = 15;
constexpr std::uint32_t lirc_mode2 = 16;
constexpr std::uint32_t flow_dissector = 17;
constexpr std::uint32_t cgroup_sysctl = 18;
constexpr std::uint32_t cgroup_udp4_recvmsg = 19;
constexpr std::uint32_t cgroup_udp6_recvmsg = 20;
constexpr std::uint32_t cgroup_getsockopt = 21;
constexpr std::uint32_t cgroup_setsockopt = 22;
constexpr std::uint32_t trace_raw_tp = 23;
constexpr std::uint32_t trace_fentry = 24;
constexpr std::uint32_t trace_fexit = 25;
constexpr std::uint32_t modify_return = 26;
constexpr std::uint32_t lsm_mac = 27;
constexpr std::uint32_t trace_iter = 28;
constexpr std::uint32_t cgroup_inet4_getpeername = 29;
constexpr std::uint32_t cgroup_inet6_getpeername = 30;
constexpr std::uint32_t cgroup_inet4_getsockname = 31;
constexpr std::uint32_t cgroup_inet6_getsockname = 32;
constexpr std::uint32_t xdp_devmap = 33;
constexpr std::uint32_t cgroup_inet_sock_release = 34;
constexpr std::uint32_t xdp_cpumap = 35;
constexpr std::uint32_t sk_lookup = 36;
constexpr std::uint32_t xdp = 37;
constexpr std::uint32_t sk_skb_verdict = 38;
constexpr std::uint32_t sk_reuseport_select = 39;
constexpr std::uint32_t sk_reuseport_select_or_migrate = 40;
constexpr std::uint32_t trace_kprobe_multi = 42;
constexpr std::uint32_t lsm_cgroup = 43;
constexpr std::uint32_t netfilter = 45;
constexpr std::uint32_t tcx_ingress = 46;
constexpr std::uint32_t tcx_egress = 47;
constexpr std::uint32_t trace_uprobe_multi = 48;
constexpr std::uint32_t cgroup_unix_connect = 49;
constexpr std::uint32_t cgroup_unix_sendmsg = 50;
constexpr std::uint32_t cgroup_unix_recvmsg = 51;
constexpr std::uint32_t cgroup_unix_getpeername = 52;
constexpr std::uint32_t cgroup_unix_getsockname = 53;
constexpr std::uint32_t netkit_primary = 54;
constexpr std::uint32_t netkit_peer = 55;
constexpr std::uint32_t trace_kprobe_session = 56;
constexpr std::uint32_t trace_uprobe_session = 57;
}  // namespace attach

constexpr auto kExact = SectionKind::Rest::exact;
constexpr auto kOptional = SectionKind::Rest::optional;
constexpr bool kSleeps = true;

// clang-format off
constexpr SectionKind kKinds[] = {
    {"socket",                    ProgType::socket_filter,            0,                                     false,   kExact},
    {"sk_reuseport/migrate",      ProgType::sk_reuseport,             attach::sk_reuseport_select_or_migrate, false,   kExact},
    {"sk_reuseport",              ProgType::sk_reuseport,             attach::sk_reuseport_select,           false,   kExact},
    {"kprobe",                    ProgType::kprobe,                   0,                                     false,   kOptional},
    {"uprobe",                    ProgType::kprobe,                   0,                                     false,   kOptional},
    {"uprobe.s",                  ProgType::kprobe,                   0,                                     kSleeps, kOptional},
    {"kretprobe",                 ProgType::kprobe,                   0,                                     false,   kOptional},
    {"uretprobe",                 ProgType::kprobe,                   0,                                     false,   kOptional},
    {"uretprobe.s",               ProgType::kprobe,                   0,                                     kSleeps, kOptional},
    {"kprobe.multi",              ProgType::kprobe,                   attach::trace_kprobe_multi,            false,   kOptional},
    {"kretprobe.multi",           ProgType::kprobe,                   attach::trace_kprobe_multi,            false,   kOptional},
    {"kprobe.session",            ProgType::kprobe,                   attach::trace_kprobe_session,          false,   kOptional},
    {"uprobe.multi",              ProgType::kprobe,                   attach::trace_uprobe_multi,            false,   kOptional},
    {"uretprobe.multi",           ProgType::kprobe,                   attach::trace_uprobe_multi,            false,   kOptional},
    {"uprobe.session",            ProgType::kprobe,                   attach::trace_uprobe_session,          false,   kOptional},
    {"uprobe.multi.s",            ProgType::kprobe,                   attach::trace_uprobe_multi,            kSleeps, kOptional},
    {"uretprobe.multi.s",         ProgType::kprobe,                   attach::trace_uprobe_multi,            kSleeps, kOptional},
    {"uprobe.session.s",          ProgType::kprobe,                   attach::trace_uprobe_session,          kSleeps, kOptional},
    {"ksyscall",                  ProgType::kprobe,                   0,                                     false,   kOptional},
    {"kretsyscall",               ProgType::kprobe,                   0,                                     false,   kOptional},
    {"usdt",                      ProgType::kprobe,                   0,                                     false,   kOptional},
    {"usdt.s",                    ProgType::kprobe,                   0,                                     kSleeps, kOptional},
    {"tc/ingress",                ProgType::sched_cls,                attach::tcx_ingress,                   false,   kExact},
    {"tc/egress",                 ProgType::sched_cls,                attach::tcx_egress,                    false,   kExact},
    {"tcx/ingress",               ProgType::sched_cls,                attach::tcx_ingress,                   false,   kExact},
    {"tcx/egress",                ProgType::sched_cls,                attach::tcx_egress,                    false,   kExact},
    {"tc",                        ProgType::sched_cls,                0,                                     false,   kExact},
    {"classifier",                ProgType::sched_cls,                0,                                     false,   kExact},
    {"action",                    ProgType::sched_act,                0,                                     false,   kExact},
    {"netkit/primary",            ProgType::sched_cls,                attach::netkit_primary,                false,   kExact},
    {"netkit/peer",               ProgType::sched_cls,                attach::netkit_peer,                   false,   kExact},
    {"tracepoint",                ProgType::tracepoint,               0,                                     false,   kOptional},
    {"tp",                        ProgType::tracepoint,               0,                                     false,   kOptional},
    {"raw_tracepoint",            ProgType::raw_tracepoint,           0,                                     false,   kOptional},
    {"raw_tp",                    ProgType::raw_tracepoint,           0,                                     false,   kOptional},
    {"raw_tracepoint.w",          ProgType::raw_tracepoint_writable,  0,                                     false,   kOptional},
    {"raw_tp.w",                  ProgType::raw_tracepoint_writable,  0,                                     false,   kOptional},
    {"tp_btf",                    ProgType::tracing,                  attach::trace_raw_tp,                  false,   kOptional},
    {"fentry",                    ProgType::tracing,                  attach::trace_fentry,                  false,   kOptional},
    {"fmod_ret",                  ProgType::tracing,                  attach::modify_return,                 false,   kOptional},
    {"fexit",                     ProgType::tracing,                  attach::trace_fexit,                   false,   kOptional},
    {"fentry.s",                  ProgType::tracing,                  attach::trace_fentry,                  kSleeps, kOptional},
    {"fmod_ret.s",                ProgType::tracing,                  attach::modify_return,                 kSleeps, kOptional},
    {"fexit.s",                   ProgType::tracing,                  attach::trace_fexit,                   kSleeps, kOptional},
    {"freplace",                  ProgType::ext,                      0,                                     false,   kOptional},
    {"lsm",                       ProgType::lsm,                      attach::lsm_mac,                       false,   kOptional},
    {"lsm.s",                     ProgType::lsm,                      attach::lsm_mac,                       kSleeps, kOptional},
    {"lsm_cgroup",                ProgType::lsm,                      attach::lsm_cgroup,                    false,   kOptional},
    {"iter",                      ProgType::tracing,                  attach::trace_iter,                    false,   kOptional},
    {"iter.s",                    ProgType::tracing,                  attach::trace_iter,                    kSleeps, kOptional},
    {"syscall",                   ProgType::syscall,                  0,                                     kSleeps, kExact},
    {"xdp.frags/devmap",          ProgType::xdp,                      attach::xdp_devmap,                    false,   kExact},
    {"xdp/devmap",                ProgType::xdp,                      attach::xdp_devmap,                    false,   kExact},
    {"xdp.frags/cpumap",          ProgType::xdp,                      attach::xdp_cpumap,                    false,   kExact},
    {"xdp/cpumap",                ProgType::xdp,                      attach::xdp_cpumap,                    false,   kExact},
    {"xdp.frags",                 ProgType::xdp,                      attach::xdp,                           false,   kExact},
    {"xdp",                       ProgType::xdp,                      attach::xdp,                           false,   kExact},
    {"perf_event",                ProgType::perf_event,               0,                                     false,   kExact},
    {"lwt_in",                    ProgType::lwt_in,                   0,                                     false,   kExact},
    {"lwt_out",                   ProgType::lwt_out,                  0,                                     false,   kExact},
    {"lwt_xmit",                  ProgType::lwt_xmit,                 0,                                     false,   kExact},
    {"lwt_seg6local",             ProgType::lwt_seg6local,            0,                                     false,   kExact},
    {"sockops",                   ProgType::sock_ops,                 attach::cgroup_sock_ops,               false,   kExact},
    {"sk_skb/stream_parser",      ProgType::sk_skb,                   attach::sk_skb_stream_parser,          false,   kExact},
    {"sk_skb/stream_verdict",     ProgType::sk_skb,                   attach::sk_skb_stream_verdict,         false,   kExact},
    {"sk_skb/verdict",            ProgType::sk_skb,                   attach::sk_skb_verdict,                false,   kExact},
    {"sk_skb",                    ProgType::sk_skb,                   0,                                     false,   kExact},
    {"sk_msg",                    ProgType::sk_msg,                   attach::sk_msg_verdict,                false,   kExact},
    {"lirc_mode2",                ProgType::lirc_mode2,               attach::lirc_mode2,                    false,   kExact},
    {"flow_dissector",            ProgType::flow_dissector,           attach::flow_dissector,                false,   kExact},
    {"cgroup_skb/ingress",        ProgType::cgroup_skb,               attach::cgroup_inet_ingress,           false,   kExact},
    {"cgroup_skb/egress",         ProgType::cgroup_skb,               attach::cgroup_inet_egress,            false,   kExact},
    {"cgroup/skb",                ProgType::cgroup_skb,               0,                                     false,   kExact},
    {"cgroup/sock_create",        ProgType::cgroup_sock,              attach::cgroup_inet_sock_create,       false,   kExact},
    {"cgroup/sock_release",       ProgType::cgroup_sock,              attach::cgroup_inet_sock_release,      false,   kExact},
    {"cgroup/sock",               ProgType::cgroup_sock,              attach::cgroup_inet_sock_create,       false,   kExact},
    {"cgroup/post_bind4",         ProgType::cgroup_sock,              attach::cgroup_inet4_post_bind,        false,   kExact},
    {"cgroup/post_bind6",         ProgType::cgroup_sock,              attach::cgroup_inet6_post_bind,        false,   kExact},
    {"cgroup/bind4",              ProgType::cgroup_sock_addr,         attach::cgroup_inet4_bind,             false,   kExact},
    {"cgroup/bind6",              ProgType::cgroup_sock_addr,         attach::cgroup_inet6_bind,             false,   kExact},
    {"cgroup/connect4",           ProgType::cgroup_sock_addr,         attach::cgroup_inet4_connect,          false,   kExact},
    {"cgroup/connect6",           ProgType::cgroup_sock_addr,         attach::cgroup_inet6_connect,          false,   kExact},
    {"cgroup/connect_unix",       ProgType::cgroup_sock_addr,         attach::cgroup_unix_connect,           false,   kExact},
    {"cgroup/sendmsg4",           ProgType::cgroup_sock_addr,         attach::cgroup_udp4_sendmsg,           false,   kExact},
    {"cgroup/sendmsg6",           ProgType::cgroup_sock_addr,         attach::cgroup_udp6_sendmsg,           false,   kExact},
    {"cgroup/sendmsg_unix",       ProgType::cgroup_sock_addr,         attach::cgroup_unix_sendmsg,           false,   kExact},
    {"cgroup/recvmsg4",           ProgType::cgroup_sock_addr,         attach::cgroup_udp4_recvmsg,           false,   kExact},
    {"cgroup/recvmsg6",           ProgType::cgroup_sock_addr,         attach::cgroup_udp6_recvmsg,           false,   kExact},
    {"cgroup/recvmsg_unix",       ProgType::cgroup_sock_addr,         attach::cgroup_unix_recvmsg,           false,   kExact},
    {"cgroup/getpeername4",       ProgType::cgroup_sock_addr,         attach::cgroup_inet4_getpeername,      false,   kExact},
    {"cgroup/getpeername6",       ProgType::cgroup_sock_addr,         attach::cgroup_inet6_getpeername,      false,   kExact},
    {"cgroup/getpeername_unix",   ProgType::cgroup_sock_addr,         attach::cgroup_unix_getpeername,       false,   kExact},
    {"cgroup/getsockname4",       ProgType::cgroup_sock_addr,         attach::cgroup_inet4_getsockname,      false,   kExact},
    {"cgroup/getsockname6",       ProgType::cgroup_sock_addr,         attach::cgroup_inet6_getsockname,      false,   kExact},
    {"cgroup/getsockname_unix",   ProgType::cgroup_sock_addr,         attach::cgroup_unix_getsockname,       false,   kExact},
    {"cgroup/sysctl",             ProgType::cgroup_sysctl,            attach::cgroup_sysctl,                 false,   kExact},
    {"cgroup/getsockopt",         ProgType::cgroup_sockopt,           attach::cgroup_getsockopt,             false,   kExact},
    {"cgroup/setsockopt",         ProgType::cgroup_sockopt,           attach::cgroup_setsockopt,             false,   kExact},
    {"cgroup/dev",                ProgType::cgroup_device,            attach::cgroup_device,                 false,   kExact},
    {"struct_ops",                ProgType::struct_ops,               0,                                     false,   kOptional},
    {"struct_ops.s",              ProgType::struct_ops,               0,                                     kSleeps, kOptional},
    {"sk_lookup",                 ProgType::sk_lookup,                attach::sk_lookup,                     false,   kExact},
    {"netfilter",                 ProgType::netfilter,                attach::netfilter,                     false,   kExact},
};
// clang-format on

std::string_view without_mark(std::string_view section) noexcept {
  return section.starts_with('?') ? section.substr(1) : section;
}

bool matches(const SectionKind& kind, std::string_view section) noexcept {
  if (!section.starts_with(kind.prefix)) return false;
  const std::string_view rest = section.substr(kind.prefix.size());
  switch (kind.rest) {
    case SectionKind::Rest::exact:
      return rest.empty();
    case SectionKind::Rest::optional:
      return rest.empty() || rest.front() == '/';
    case SectionKind::Rest::required:
      return rest.starts_with('/');
  }
  return false;
}

bool ends_word(char next) noexcept {
  return next == '/' || next == '_' || next == '.' || next == '-' ||
         std::isdigit(static_cast<unsigned char>(next)) != 0;
}

}  // namespace

std::span<const SectionKind> section_kinds() noexcept { return kKinds; }

bool fits_section(const SectionKind& kind, std::string_view section) noexcept {
  return matches(kind, without_mark(section));
}

const SectionKind* find_section_kind(std::string_view section) noexcept {
  section = without_mark(section);
  for (const SectionKind& kind : kKinds)
    if (matches(kind, section)) return &kind;
  return nullptr;
}

const SectionKind* guess_section_kind(std::string_view section) noexcept {
  section = without_mark(section);
  const SectionKind* best = nullptr;
  for (const SectionKind& kind : kKinds) {
    const std::size_t length = kind.prefix.size();
    if (section.size() <= length || !section.starts_with(kind.prefix) || !ends_word(section[length])) continue;
    if (best == nullptr || length > best->prefix.size()) best = &kind;
  }
  return best;
}

std::string_view section_target(const SectionKind& kind, std::string_view section) noexcept {
  section = without_mark(section);
  if (section.size() <= kind.prefix.size() || section[kind.prefix.size()] != '/') return {};
  return section.substr(kind.prefix.size() + 1);
}

}  // namespace skep::abi
