// The rows of the program-type table.
//
// Refereed on the running kernel by the abi tests, but for what it loads no program of (fentry, fexit, fmod_ret, lsm,
// struct_ops, ext, lirc_mode2): that is read in the sources of 6.12.
#include "abi/prog_types.hpp"

#include <array>

namespace skep::abi {
namespace {

using enum AttachType;

constexpr AttachTypes kSock =
    attach_types({cgroup_inet_sock_create, cgroup_inet_sock_release, cgroup_inet4_post_bind, cgroup_inet6_post_bind});
constexpr AttachTypes kBind = attach_types({cgroup_inet4_bind, cgroup_inet6_bind});
constexpr AttachTypes kAfterwards = attach_types(
    {cgroup_udp4_recvmsg, cgroup_udp6_recvmsg, cgroup_unix_recvmsg, cgroup_inet4_getpeername, cgroup_inet6_getpeername,
     cgroup_unix_getpeername, cgroup_inet4_getsockname, cgroup_inet6_getsockname, cgroup_unix_getsockname});
constexpr AttachTypes kSockAddr = kBind | kAfterwards |
                                  attach_types({cgroup_inet4_connect, cgroup_inet6_connect, cgroup_unix_connect,
                                                cgroup_udp4_sendmsg, cgroup_udp6_sendmsg, cgroup_unix_sendmsg});
constexpr AttachTypes kTrampolines = attach_types({trace_fentry, trace_fexit, modify_return});
constexpr AttachTypes kSession = attach_types({trace_kprobe_session, trace_uprobe_session});

constexpr ProgTypeSpec plain(ProgType type, LoadNeeds needs) {
  return {.type = type, .context = ContextForm::fields, .layout = context_of(type), .needs = needs};
}
constexpr ProgTypeSpec network(ProgType type, PacketAccess packet, bool packet_loads = false) {
  ProgTypeSpec spec = plain(type, LoadNeeds::net_admin);
  spec.packet = packet;
  spec.packet_loads = packet_loads;
  return spec;
}
constexpr ProgTypeSpec cgroup(ProgType type, AttachTypes attach = kAnyAttachType) {
  ProgTypeSpec spec = plain(type, LoadNeeds::net_admin);
  spec.attach = attach;
  return spec;
}
constexpr ProgTypeSpec probe(ProgType type) {
  ProgTypeSpec spec = plain(type, LoadNeeds::perfmon);
  spec.tracing = true;
  return spec;
}
constexpr ProgTypeSpec typed(ProgType type, AttachTypes attach, AttachTypes sleepable_attach) {
  return {.type = type,
          .context = ContextForm::btf_arguments,
          .sleepable = Sleepable::may,
          .sleepable_attach = sleepable_attach,
          .attach = attach,
          .needs = LoadNeeds::perfmon};
}
constexpr ProgTypeSpec unprivileged(ProgType type, PacketAccess packet, AttachTypes attach, bool packet_loads) {
  ProgTypeSpec spec = plain(type, LoadNeeds::nothing);
  spec.packet = packet;
  spec.attach = attach;
  spec.packet_loads = packet_loads;
  return spec;
}
constexpr ProgTypeSpec probe_that_may_sleep() {  // then it attaches to user code only
  ProgTypeSpec spec = probe(ProgType::kprobe);
  spec.sleepable = Sleepable::may;
  return spec;
}
constexpr ProgTypeSpec reuseport() {
  ProgTypeSpec spec = plain(ProgType::sk_reuseport, LoadNeeds::bpf);
  spec.packet = PacketAccess::read;
  spec.attach = attach_types({sk_reuseport_select, sk_reuseport_select_or_migrate});
  return spec;
}
constexpr ProgTypeSpec sockopt() {
  ProgTypeSpec spec = cgroup(ProgType::cgroup_sockopt, attach_types({cgroup_getsockopt, cgroup_setsockopt}));
  spec.packet = PacketAccess::write;
  spec.packet_arguments = true;
  return spec;
}
constexpr ProgTypeSpec sock_ops() {
  ProgTypeSpec spec = cgroup(ProgType::sock_ops);
  spec.packet = PacketAccess::load_only;
  return spec;
}
constexpr ProgTypeSpec syscalls() {
  ProgTypeSpec spec = plain(ProgType::syscall, LoadNeeds::bpf);
  spec.sleepable = Sleepable::must;
  spec.attach = attach_types({AttachType{}});
  return spec;
}
constexpr ProgTypeSpec lookup() {
  ProgTypeSpec spec = plain(ProgType::sk_lookup, LoadNeeds::bpf);
  spec.attach = attach_types({sk_lookup});
  return spec;
}

constexpr std::array kSpecs{
    ProgTypeSpec{},
    unprivileged(ProgType::socket_filter, PacketAccess::none, kAnyAttachType, true),
    probe_that_may_sleep(),
    network(ProgType::sched_cls, PacketAccess::write, true),
    network(ProgType::sched_act, PacketAccess::write, true),
    probe(ProgType::tracepoint),
    network(ProgType::xdp, PacketAccess::write),
    probe(ProgType::perf_event),
    unprivileged(ProgType::cgroup_skb, PacketAccess::read, attach_types({cgroup_inet_ingress, cgroup_inet_egress}),
                 false),
    cgroup(ProgType::cgroup_sock, kSock),
    network(ProgType::lwt_in, PacketAccess::read),
    network(ProgType::lwt_out, PacketAccess::read),
    network(ProgType::lwt_xmit, PacketAccess::write),
    sock_ops(),
    network(ProgType::sk_skb, PacketAccess::write),
    cgroup(ProgType::cgroup_device),
    network(ProgType::sk_msg, PacketAccess::write),
    probe(ProgType::raw_tracepoint),
    cgroup(ProgType::cgroup_sock_addr, kSockAddr),
    network(ProgType::lwt_seg6local, PacketAccess::read),
    plain(ProgType::lirc_mode2, LoadNeeds::bpf),
    reuseport(),
    network(ProgType::flow_dissector, PacketAccess::read),
    cgroup(ProgType::cgroup_sysctl),
    probe(ProgType::raw_tracepoint_writable),
    sockopt(),
    typed(ProgType::tracing, kTrampolines | attach_types({trace_raw_tp, trace_iter}),
          kTrampolines | attach_types({trace_iter})),
    typed(ProgType::struct_ops, kAnyAttachType, kAnyAttachType),  // attach type: the index of the member
    ProgTypeSpec{.type = ProgType::ext,
                 .context = ContextForm::target,
                 .attach = attach_types({AttachType{}}),
                 .needs = LoadNeeds::net_admin_and_perfmon},
    typed(ProgType::lsm, attach_types({lsm_mac, lsm_cgroup}), attach_types({lsm_mac})),
    lookup(),
    syscalls(),
    cgroup(ProgType::netfilter, attach_types({netfilter})),
};

constexpr bool rows_are_dense() {
  std::uint32_t number = 0;
  for (const ProgTypeSpec& spec : kSpecs)
    if (static_cast<std::uint32_t>(spec.type) != number++) return false;
  return number == 33;
}
static_assert(rows_are_dense());

struct ReturnRow {
  ProgTypes types;
  AttachTypes attach;
  ReturnRule rule;
};
constexpr ReturnRule range(std::int32_t low, std::int32_t high) { return {ReturnRule::Kind::range, low, high}; }

// The first row that fits holds; no row: anything.
constexpr ReturnRow kReturns[] = {
    {prog_types({ProgType::cgroup_sock_addr}), kAfterwards, range(1, 1)},
    {prog_types({ProgType::cgroup_sock_addr}), kBind, range(0, 3)},  // 2: bind to a port below 1024 unasked
    {prog_types({ProgType::cgroup_skb}), attach_types({cgroup_inet_egress}), range(0, 3)},  // 2: congested
    {prog_types({ProgType::cgroup_skb, ProgType::cgroup_sock, ProgType::cgroup_sock_addr, ProgType::sock_ops,
                 ProgType::cgroup_device, ProgType::cgroup_sysctl, ProgType::cgroup_sockopt, ProgType::sk_lookup,
                 ProgType::netfilter}),
     kAnyAttachType, range(0, 1)},
    {prog_types({ProgType::kprobe}), kSession, range(0, 1)},
    {prog_types({ProgType::tracing}), attach_types({trace_fentry, trace_fexit}), range(0, 0)},
    {prog_types({ProgType::tracing}), attach_types({trace_iter}), range(0, 1)},
    {prog_types({ProgType::lsm}), attach_types({lsm_cgroup}), range(0, 1)},  // [1, 1] for hooks that return nothing
    {prog_types({ProgType::lsm}), kAnyAttachType, {ReturnRule::Kind::hook}},
    {prog_types({ProgType::struct_ops}), kAnyAttachType, {ReturnRule::Kind::member}},
};

}  // namespace

std::span<const ProgTypeSpec> prog_type_specs() noexcept { return kSpecs; }

const ProgTypeSpec* find_prog_type(ProgType type) noexcept {
  const auto index = static_cast<std::uint32_t>(type);
  return index < kSpecs.size() ? &kSpecs[index] : nullptr;
}

ReturnRule return_rule(ProgType type, AttachType attach) noexcept {
  for (const ReturnRow& row : kReturns)
    if (contains(row.types, type) && contains(row.attach, attach)) return row.rule;
  return {};
}

Sleepable sleepable(ProgType type, AttachType attach) noexcept {
  const ProgTypeSpec* spec = find_prog_type(type);
  return spec != nullptr && contains(spec->sleepable_attach, attach) ? spec->sleepable : Sleepable::never;
}

}  // namespace skep::abi
