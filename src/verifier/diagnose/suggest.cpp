// Answers with numbers: one function a kind of mistake, chosen by the finding's code.
#include "verifier/diagnose/suggest.hpp"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "abi/context_fields.hpp"
#include "abi/helper.hpp"
#include "verifier/diagnose/describe.hpp"

namespace skep::verifier {
namespace {

const isa::FormInfo& info_of(const Insn& insn) { return isa::info(static_cast<isa::Form>(isa::find_form(insn))); }

const Insn& insn_at(const Scene& scene, std::uint32_t pc) { return scene.input.program->insns[pc]; }

const abi::Helper* helper_at(const Scene& scene, std::uint32_t pc) {
  if (pc >= scene.input.program->insns.size()) return nullptr;
  const Insn& insn = insn_at(scene, pc);
  if (info_of(insn).operands != isa::Operands::call_imm || insn.src != 0) return nullptr;
  return abi::find_helper(static_cast<std::uint32_t>(insn.imm));
}

/// The register that the finding's first number names; null without a state.
const Register* blamed(const Scene& scene) {
  const std::int64_t number = scene.finding.numbers[0];
  if (scene.state == nullptr || number < 0 || number >= isa::kRegisters) return nullptr;
  return &scene.state->reg(static_cast<unsigned>(number));
}

std::string packet_check(const Scene& scene) {
  const Register* reg = blamed(scene);
  if (reg == nullptr) return {};
  const std::int64_t needed = scene.finding.numbers[2], proven = scene.finding.numbers[3];
  const bool meta = reg->kind == RegKind::packet_meta;
  if (!reg->is_fixed() || reg->fixed() != 0) {
    const std::string bound = reg->num().umax >= 0xffff ? "bound the offset below 65535, then " : "";
    return fmt::format("{}compare the very pointer that is used: if (ptr + {} > data_end) return …;", bound, needed);
  }
  const std::string check = meta ? fmt::format("if (meta + {} > data) return …;", needed)
                                 : fmt::format("if (data + {} > data_end) return …;", needed);
  if (proven == 0) return "check that the bytes are there first: " + check;
  return fmt::format("the check before proves {} bytes, {} are needed: {}", proven, needed, check);
}

/// How programs test the result of what may be null.
std::string null_check(const Scene& scene) {
  const Register* reg = blamed(scene);
  if (reg == nullptr) return {};
  switch (reg->kind) {
    case RegKind::map_value: {
      const MapSpec* spec = map_behind(*reg, scene.input);
      return fmt::format("the look-up in {} may find nothing: if (!value) return …;",
                         spec == nullptr || spec->name.empty() ? "the map" : spec->name);
    }
    case RegKind::memory:
      return reg->has(reg_flag::record) ? "there may be no room for the record: if (!record) return …;"
                                        : "the pointer may be null: if (!ptr) return …;";
    case RegKind::sock:
    case RegKind::sock_common:
    case RegKind::tcp_sock:
      return "there may be no such socket: if (!sk) return …;";
    default:  // all others are called a pointer
      return "compare the pointer with NULL first: if (!ptr) return …;";
  }
}

struct Bound {
  std::uint64_t count = 0;   ///< of elements
  std::uint64_t stride = 1;  ///< bytes between them
};

/// How large an index may be whose element of `bytes` lies inside `limit` bytes.
std::optional<Bound> bound_of(const Register& reg, std::int64_t off, std::uint64_t bytes, std::uint64_t limit) {
  const int zeros = std::countr_zero(reg.num().bits.mask);
  Bound bound;
  bound.stride = reg.num().bits.mask == 0 || zeros > 16 ? 1 : std::uint64_t{1} << zeros;
  const std::int64_t room = static_cast<std::int64_t>(limit) - off - static_cast<std::int64_t>(bytes);
  if (room < 0) return {};
  bound.count = static_cast<std::uint64_t>(room) / bound.stride + 1;
  return bound;
}

std::string bound_index(const Bound& bound) {
  const std::string check = fmt::format("if (index >= {}) return …;", bound.count);
  if (std::has_single_bit(bound.count) && bound.count > 1)
    return fmt::format("bound the index before the access: index &= {}; or {}", bound.count - 1, check);
  return "bound the index, as an unsigned number, before the access: " + check;
}

/// The bytes behind a pointer to memory of a known size; 0 where they are not known.
std::uint64_t bytes_behind(const Register& reg, const Input& input) {
  const MapSpec* spec =
      reg.kind == RegKind::map_value || reg.kind == RegKind::map_key ? map_behind(reg, input) : nullptr;
  if (spec != nullptr) return reg.kind == RegKind::map_value ? spec->value_size : spec->key_size;
  return reg.kind == RegKind::memory ? reg.size : 0;
}

std::string check_bounds(const Scene& scene) {
  const Register* reg = blamed(scene);
  if (reg == nullptr) return {};
  const std::int64_t bytes = scene.finding.numbers[2];
  const std::uint64_t limit = bytes_behind(*reg, scene.input);
  if (limit == 0) return {};
  const Insn& insn = insn_at(scene, scene.finding.pc);
  const isa::FormInfo& info = info_of(insn);
  if (info.operands == isa::Operands::call_imm && reg->is_fixed()) {
    const auto number = static_cast<unsigned>(scene.finding.numbers[0]) + 1;
    const Register& size = scene.state->reg(number);
    if (number <= 5 && size.is_scalar() && !size.is_constant() && reg->off >= 0)
      return fmt::format("check the size before the call: if (size > {}) return …;",
                         static_cast<std::int64_t>(limit) - reg->off);
    return fmt::format("the callee takes {} bytes, give it memory of that size", bytes);
  }
  if (reg->is_fixed())
    return fmt::format("there are {} bytes: read less, or make what is behind the pointer larger", limit);
  const std::int64_t off = reg->off + std::int64_t{insn.off};
  const auto bound = bound_of(*reg, off, info.width() / 8, limit);
  return bound ? bound_index(*bound) : "";
}

/// An index that was too wild even to be added to the pointer.
std::string check_addend(const Scene& scene) {
  if (scene.state == nullptr) return {};
  const Insn& insn = insn_at(scene, scene.finding.pc);
  if (info_of(insn).operands != isa::Operands::dst_src) return {};
  const Register& left = scene.state->reg(insn.dst);
  const Register& right = scene.state->reg(insn.src);
  const Register& pointer = left.is_pointer() ? left : right;
  if (pointer.is_packet()) return "bound the offset before adding it: if (offset > 0x7fff) return …;";
  const std::uint64_t limit = bytes_behind(pointer, scene.input);
  Register moved = left.is_pointer() ? right : left;
  const auto bound = limit == 0 ? std::nullopt : bound_of(moved, pointer.off, 1, limit);
  return bound ? bound_index(*bound) : "";
}

std::string check_size(const Scene& scene) {
  if (scene.state == nullptr || scene.finding.numbers[0] < 2) return {};
  const Register& memory = scene.state->reg(static_cast<unsigned>(scene.finding.numbers[0]) - 1);
  const std::uint64_t limit = memory.kind == RegKind::stack ? static_cast<std::uint64_t>(std::max(0, -memory.off))
                                                            : bytes_behind(memory, scene.input);
  if (limit == 0 || memory.off > static_cast<std::int64_t>(limit)) return {};
  const std::uint64_t room =
      memory.kind == RegKind::stack ? limit : limit - static_cast<std::uint64_t>(std::max(0, memory.off));
  if (std::has_single_bit(room))
    return fmt::format("bound the size, as an unsigned number: if (size > {}) return …; or size &= {};", room,
                       room - 1);
  return fmt::format("bound the size, as an unsigned number: if (size > {}) return …;", room);
}

std::string initialise(const Scene& scene) {
  const auto& [off, index, bytes, unused, unused_too] = scene.finding.numbers;
  const bool some = scene.clues.size() > 0;
  return fmt::format("initialise all {} bytes{}: struct … name = {{}}; or __builtin_memset(&name, 0, {});", bytes,
                     some ? fmt::format(", padding included (byte {})", index) : "", bytes);
}

bool takes_back(const abi::Helper& helper, abi::Ret given) {
  for (const abi::ArgSpec& arg : helper.args) {
    if (!arg.releases) continue;
    switch (given) {
      case abi::Ret::record_or_null:
        return arg.kind == abi::Arg::record;
      case abi::Ret::socket_or_null:
      case abi::Ret::sock_common_or_null:
      case abi::Ret::tcp_sock_or_null:
        return arg.kind == abi::Arg::btf_sock_common;
      default:  // what kernel functions take back
        return false;
    }
  }
  return false;
}

/// The helpers that end what `helper` begins: "bpf_ringbuf_submit or bpf_ringbuf_discard".
std::string releasers_of(const abi::Helper& helper) {
  std::string names;
  for (const abi::Helper& other : abi::helpers())
    if (takes_back(other, helper.ret)) names += fmt::format("{}bpf_{}", names.empty() ? "" : " or ", other.name);
  return names;
}

std::string release(const Scene& scene) {
  const abi::Helper* helper = helper_at(scene, static_cast<std::uint32_t>(scene.finding.numbers[0]));
  const std::string names = helper == nullptr ? "" : releasers_of(*helper);
  if (names.empty()) return {};
  return fmt::format("give back what bpf_{} returned on every path: {}", helper->name, names);
}

std::string give_value(const Scene& scene) {
  const auto number = scene.finding.numbers[0];
  const bool by_call = !scene.clues.empty() && scene.clues.back().kind == Clue::Kind::takes;
  const isa::FormInfo& info = info_of(insn_at(scene, scene.finding.pc));
  if (info.operands == isa::Operands::none) return "return a value on every path: return 0;";
  if (info.operands == isa::Operands::call_imm || info.operands == isa::Operands::call_pc)
    return fmt::format("the callee takes {} arguments or more: set r{} before the call", number, number);
  if (by_call)
    return fmt::format("calls leave r1 to r5 without a value: keep it in r6 to r9 (a local variable) before the call");
  return {};
}

/// Why something is no pointer (any more).
std::string restore_pointer(const Scene& scene) {
  const Register* reg = blamed(scene);
  if (reg == nullptr) return {};
  if (reg->kind == RegKind::packet_end) return "data_end only bounds the packet: read through data";
  const Clue* origin = scene.clues.empty() ? nullptr : &scene.clues.back();
  if (origin == nullptr) return {};
  if (const abi::Helper* helper = helper_at(scene, origin->pc); helper != nullptr) {
    if ((helper->effects & abi::changes_packet) != 0)
      return fmt::format("bpf_{} may move the packet: read data and data_end from the context again, and check again",
                         helper->name);
    if ((helper->effects & abi::releases) != 0) return fmt::format("use it before bpf_{} gives it back", helper->name);
  }
  if (reg->is_zero()) return "the pointer is always null here";
  const auto loads = [&](const Clue& clue) {
    return clue.first && info_of(insn_at(scene, clue.pc)).operands == isa::Operands::load;
  };
  if (std::any_of(scene.clues.begin(), scene.clues.end(), loads))
    return "an address out of memory is a number here: bpf_probe_read_kernel(&copy, sizeof(copy), ptr), or "
           "BPF_CORE_READ";
  return {};
}

std::string return_in_range(const Scene& scene) {
  const auto low = scene.finding.numbers[2], high = scene.finding.numbers[3];
  if (low == high) return fmt::format("return {};", low);
  if (high == low + 1) return fmt::format("return {} or {}: return result ? {} : {};", low, high, high, low);
  return fmt::format("return a constant from {} to {}, or check the result against them", low, high);
}

std::string context_field(const Scene& scene) {
  const abi::ContextLayout* layout = abi::context_of(scene.input.program->type);
  const std::int64_t off = scene.finding.numbers[0];
  if (layout == nullptr || layout->name != scene.finding.name) return {};
  const bool writes = scene.finding.numbers[2] != 0;
  for (const abi::ContextField& field : layout->fields) {
    if (off < field.off || off >= std::int64_t{field.off} + field.bytes) continue;
    if (writes) return fmt::format("{} may only be read by this type of program", field.name);
    return fmt::format("that is part of {} ({} bytes at {}): read the field as it is declared", field.name, field.size,
                       field.off);
  }
  return fmt::format("struct {} ends after {} bytes", layout->name, layout->bytes);
}

/// Program types by name, as far as a line takes them.
std::string callers_of(const Scene& scene) {
  const abi::Helper* helper = helper_at(scene, scene.finding.pc);
  if (helper == nullptr) return {};
  constexpr std::uint32_t kLast = static_cast<std::uint32_t>(ProgType::netfilter);
  constexpr int kMost = 6;
  std::string names;
  int count = 0;
  for (std::uint32_t i = 1; i <= kLast; ++i) {
    if (!abi::contains(helper->programs, static_cast<ProgType>(i))) continue;
    if (++count <= kMost)
      names += fmt::format("{}{}", names.empty() ? "" : ", ", skep::name_of(static_cast<ProgType>(i)));
  }
  if (count == 0) return {};
  return fmt::format("bpf_{} is for programs of type {}{}", helper->name, names, count > kMost ? ", …" : "");
}

std::string maps_for(const Scene& scene) {
  const abi::Helper* helper = helper_at(scene, scene.finding.pc);
  if (helper == nullptr) return {};
  constexpr std::uint32_t kLast = static_cast<std::uint32_t>(MapType::arena);
  std::string names;
  for (std::uint32_t i = 1; i <= kLast; ++i)
    if (abi::contains(helper->maps, static_cast<MapType>(i)))
      names += fmt::format("{}{}", names.empty() ? "" : ", ", skep::name_of(static_cast<MapType>(i)));
  return names.empty() ? "" : fmt::format("bpf_{} takes maps of type {}", helper->name, names);
}

/// What an argument has to be, in words.
std::string_view words_for(abi::Arg arg) {
  using abi::Arg;
  switch (arg) {
    case Arg::scalar:
    case Arg::size:
    case Arg::size_or_zero:
    case Arg::alloc_size:
      return "a number";
    case Arg::ctx:
    case Arg::ctx_or_null:
      return "the context, as the program was given it";
    case Arg::map:
      return "a map: &name";
    case Arg::map_key:
      return "a pointer to a key: &key";
    case Arg::map_value:
    case Arg::map_value_or_null:
    case Arg::map_value_out:
      return "a pointer to a value: &value";
    case Arg::record:
      return "what bpf_ringbuf_reserve returned";
    case Arg::callback:
      return "a static function";
    case Arg::callback_ctx:
      return "a pointer to a local variable, or NULL";
    case Arg::socket:
    case Arg::socket_or_null:
    case Arg::sock_common:
    case Arg::btf_sock_common:
    case Arg::btf_sock_common_or_null:
      return "a socket";
    case Arg::btf:
    case Arg::btf_or_null:
      return "a kernel object";
    case Arg::none:
    case Arg::anything:
      return "";
    default:  // memory of all sorts
      return "a pointer to memory of the program: stack, map value, packet";
  }
}

std::string argument_for(const Scene& scene) {
  const abi::Helper* helper = helper_at(scene, scene.finding.pc);
  const std::int64_t number = scene.finding.numbers[0];
  if (helper == nullptr || number < 1 || number > 5) return {};
  const std::string_view words = words_for(helper->args[static_cast<std::size_t>(number) - 1].kind);
  return words.empty() ? "" : fmt::format("argument {} of bpf_{} is {}", number, helper->name, words);
}

std::string release_argument(const Scene& scene) {
  const abi::Helper* helper = helper_at(scene, scene.finding.pc);
  if (helper == nullptr) return {};
  std::string names;
  for (const abi::Helper& other : abi::helpers()) {
    const bool gives = (other.effects & abi::acquires) != 0 && takes_back(*helper, other.ret);
    if (gives) names += fmt::format("{}bpf_{}", names.empty() ? "" : ", ", other.name);
  }
  return names.empty() ? "" : fmt::format("bpf_{} takes what these return: {}", helper->name, names);
}

constexpr std::pair<Code, std::string (*)(const Scene&)> kAnswers[] = {
    {Code::packet_out_of_bounds, packet_check},
    {Code::access_or_null, null_check},
    {Code::argument_or_null, null_check},
    {Code::pointer_arithmetic_or_null, null_check},
    {Code::access_out_of_bounds, check_bounds},
    {Code::access_index_negative, check_bounds},
    {Code::access_index_unbounded, check_bounds},
    {Code::pointer_offset_unbounded, check_addend},
    {Code::pointer_offset_too_large, check_addend},
    {Code::argument_size_negative, check_size},
    {Code::argument_size_unbounded, check_size},
    {Code::stack_uninitialized, initialise},
    {Code::reference_leak, release},
    {Code::register_uninitialized, give_value},
    {Code::access_through_non_pointer, restore_pointer},
    {Code::return_range, return_in_range},
    {Code::callback_return_range, return_in_range},
    {Code::context_access, context_field},
    {Code::helper_not_for_type, callers_of},
    {Code::argument_map_type, maps_for},
    {Code::argument_kind, argument_for},
    {Code::argument_not_referenced, release_argument},
};

}  // namespace

std::string suggest(const Scene& scene) {
  const auto answer = std::find_if(std::begin(kAnswers), std::end(kAnswers),
                                   [&](const auto& row) { return row.first == scene.finding.code; });
  std::string text = answer == std::end(kAnswers) ? "" : answer->second(scene);
  return text.empty() ? std::string(suggestion_of(scene.finding.code)) : text;
}

}  // namespace skep::verifier
