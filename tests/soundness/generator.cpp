// r6 is the context, r7 a map value, r8 and r9 numbers; r0 to r5 live inside one action only. Eight words of stack,
// written at the start, hold numbers that any path may have left there.
#include "soundness/generator.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <random>

#include "differential/generator.hpp"
#include "isa/table.hpp"
#include "soundness/ground.hpp"

namespace skep::soundness {
namespace {

using Reg = std::uint8_t;
constexpr Reg kContext = 6, kValue = 7, kKept = 8, kCounter = 9, kFrame = isa::kFramePointer;
constexpr int kStackBytes = 64;
constexpr std::array<std::uint8_t, 4> kLoad{0x71, 0x69, 0x61, 0x79};  // by log2 of the bytes
constexpr std::array<std::uint8_t, 4> kSignedLoad{0x91, 0x89, 0x81, 0x79};
constexpr std::array<std::uint8_t, 4> kStore{0x73, 0x6b, 0x63, 0x7b};
constexpr std::array<std::uint8_t, 4> kStoreImm{0x72, 0x6a, 0x62, 0x7a};

// Operation bits of conditional jumps, for a class in the low bits.
constexpr std::uint8_t kJeq = 0x10, kJgt = 0x20, kJge = 0x30, kJset = 0x40, kJne = 0x50, kJsgt = 0x60, kJlt = 0xa0,
                       kJle = 0xb0, kJslt = 0xc0;
constexpr std::uint8_t kImm64 = 0x05, kReg64 = 0x0d, kImm32 = 0x06, kReg32 = 0x0e;

constexpr std::int16_t short_of(std::int64_t value) { return static_cast<std::int16_t>(value); }
constexpr std::int32_t int_of(std::int64_t value) { return static_cast<std::int32_t>(value); }
constexpr Insn move(Reg dst, Reg src) { return {0xbf, dst, src, 0, 0}; }
constexpr Insn set(Reg dst, std::int64_t imm) { return {0xb7, dst, 0, 0, int_of(imm)}; }
constexpr Insn add_reg(Reg dst, Reg src) { return {0x0f, dst, src, 0, 0}; }
constexpr Insn add_imm(Reg dst, std::int64_t imm) { return {0x07, dst, 0, 0, int_of(imm)}; }
constexpr Insn call(int helper) { return {0x85, 0, 0, 0, helper}; }
constexpr Insn kExit{0x95, 0, 0, 0, 0};

bool shifts(const isa::FormInfo& row) {
  using enum isa::Operation;
  return row.operation == lsh_ || row.operation == rsh_ || row.operation == arsh_;
}

bool divides(const isa::FormInfo& row) {
  using enum isa::Operation;
  return row.operation == div_ || row.operation == sdiv_ || row.operation == mod_ || row.operation == smod_;
}

std::vector<isa::FormInfo> rows_of(std::initializer_list<isa::Operands> kinds) {
  std::vector<isa::FormInfo> rows;
  std::ranges::copy_if(isa::forms(), std::back_inserter(rows), [kinds](const isa::FormInfo& row) {
    return std::ranges::find(kinds, row.operands) != kinds.end() && row.operation != isa::Operation::call_;
  });
  return rows;
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  Generated program() {
    static constexpr ProgType kTypes[] = {ProgType::xdp, ProgType::xdp, ProgType::sched_cls, ProgType::socket_filter};
    type_ = kTypes[below(std::size(kTypes))];
    start();
    block(2 + below(5));
    add(one_in(2) ? set(0, 1) : move(0, kKept));
    add(kExit);
    for (const Callee& callee : callees_) {
      insns_[callee.named_at].imm = int_of(insns_.size() - callee.named_at - 1);
      subprogram(callee.callback);
    }
    return {type_, insns_};
  }

 private:
  /// A function behind the program, and the one instruction that names it.
  struct Callee {
    std::size_t named_at;
    bool callback;
  };
  /// Jumps to a place not known yet.
  using Exits = std::vector<std::size_t>;

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  /// Now and then one too far.
  std::int64_t slip(std::int64_t right) {
    return one_in(kSlips) ? right + 1 + static_cast<std::int64_t>(below(2)) : right;
  }
  std::int32_t immediate() { return int_of(static_cast<std::int64_t>(differential::interesting(random_()))); }
  void add(Insn insn) { insns_.push_back(insn); }
  void load_map(Reg dst, std::int32_t map) {
    add(Insn(0x18, dst, 1, 0, map));
    add(Insn());
  }
  void jump_if(std::uint8_t opcode, Reg dst, Reg src, std::int64_t imm, Exits& exits) {
    exits.push_back(insns_.size());
    add(Insn(opcode, dst, src, 0, int_of(imm)));
  }
  void jump(Exits& exits) { jump_if(0x05, 0, 0, 0, exits); }
  void land(const Exits& exits) {
    for (const std::size_t at : exits) insns_[at].off = short_of(static_cast<std::int64_t>(insns_.size() - at - 1));
  }
  std::int16_t slot() { return short_of(-8 * static_cast<int>(1 + below(kStackBytes / 8))); }

  void start() {
    add(move(kContext, 1));
    const bool gap = one_in(30);
    for (int at = 8; at <= kStackBytes; at += 8)
      if (!gap || at != kStackBytes) add(Insn(0x7a, kFrame, 0, short_of(-at), immediate()));
    value_bytes_ = kArrayValue;
    add(Insn(0x18, kValue, 2, 0, kArrayMap));
    add(Insn());
    any_number(kKept);
    any_number(kCounter);
  }

  void block(std::uint64_t count) {
    ++depth_;
    for (; count > 0; --count) action();
    --depth_;
  }

  void action() {
    const std::uint64_t choice = below(100);
    if (choice < 22) {
      access_value();
    } else if (choice < 32) {
      access_stack();
    } else if (choice < 48) {
      access_packet();
    } else if (choice < 58) {
      keep_number();
    } else if (choice < 66) {
      branch();
    } else if (choice < 72) {
      loop();
    } else if (choice < 80) {
      look_up();
    } else if (choice < 86) {
      call_with_size();
    } else if (choice < 88) {
      record();
    } else if (choice < 90) {
      call_back();
    } else if (choice < 92) {
      call_subprogram();
    } else if (choice < 95) {
      spill_pointer();
    } else if (choice < 97) {
      atomic();
    } else {
      move_packet();
    }
  }

  // Numbers

  void any_number(Reg dst) {
    const unsigned log = static_cast<unsigned>(below(4));
    const int bytes = 1 << log;
    const auto& loads = one_in(4) ? kSignedLoad : kLoad;
    switch (below(depth_ == 0 ? 3 : 7)) {
      case 0:
        add(Insn(loads[log], dst, kValue, short_of(static_cast<std::int64_t>(below(value_bytes_ / bytes)) * bytes), 0));
        break;
      case 1:
        add(Insn(0x61, dst, kContext, type_ == ProgType::xdp ? 12 : 8, 0));
        break;
      case 2:
        add(set(dst, immediate()));
        break;
      case 3:
        add(move(dst, kKept));
        break;
      case 4:
        add(one_in(3) ? Insn(0xbc, dst, kCounter, 0, 0) : move(dst, kCounter));
        break;
      default:
        add(Insn(loads[log], dst, kFrame, short_of(slot() + static_cast<std::int64_t>(below(8 / bytes)) * bytes), 0));
        break;
    }
  }

  /// One instruction of arithmetic on `dst`.
  void arithmetic(Reg dst, Reg other) {
    static const auto rows = rows_of({isa::Operands::dst, isa::Operands::dst_imm, isa::Operands::dst_src});
    const isa::FormInfo& row = rows[below(rows.size())];
    Insn insn(row.opcode, dst, 0, short_of(row.off), int_of(row.imm));
    insn.src = row.src == isa::kAny ? (one_in(5) ? dst : other) : static_cast<Reg>(row.src);
    if (row.imm == isa::kAny) {
      insn.imm = one_in(2) ? immediate() : int_of(static_cast<std::int64_t>(below(70)) - 4);
      if (shifts(row)) insn.imm = int_of(below(row.width()));
      if (divides(row) && insn.imm == 0) insn.imm = 3;
    }
    add(insn);
  }

  /// Makes `reg` at most `most` and not negative, or leaves through `exits`. r4 and r5 are free to use.
  void bound(Reg reg, std::int64_t most, Exits& exits) {
    most = slip(most);
    std::int64_t mask = 1;
    while (mask * 2 + 1 <= most) mask = mask * 2 + 1;
    if (most < 1) mask = 0;
    switch (below(15)) {
      case 0:
        add(Insn(0x57, reg, 0, 0, int_of(mask)));
        break;
      case 1:
        add(Insn(0x54, reg, 0, 0, int_of(mask)));
        break;
      case 2:
        jump_if(kJgt | kImm64, reg, 0, most, exits);
        break;
      case 3:
        jump_if(kJge | kImm64, reg, 0, most + 1, exits);
        break;
      case 4:
        if (one_in(2)) jump_if(kJsgt | kImm64, reg, 0, most, exits);
        jump_if(kJslt | kImm64, reg, 0, one_in(8) ? -1 : 0, exits);
        if (!one_in(6)) jump_if(kJsgt | kImm64, reg, 0, most, exits);
        break;
      case 5:
        if (!one_in(6)) add(Insn(0xbc, reg, reg, 0, 0));
        jump_if(kJgt | kImm32, reg, 0, most, exits);
        break;
      case 6:
        jump_if(kJgt | kImm32, reg, 0, most, exits);
        if (!one_in(6)) add(Insn(0xbc, reg, reg, 0, 0));
        break;
      case 7:
        add(Insn(one_in(3) ? 0x94 : 0x97, reg, 0, one_in(10) ? std::int16_t{1} : std::int16_t{0}, int_of(most + 1)));
        break;
      case 8:
        bound_through_copy(reg, most, exits);
        break;
      case 9:
        add(Insn(kJle | kImm64, reg, 0, 1, int_of(most)));
        jump(exits);
        break;
      case 10:
        add(set(5, most));
        jump_if(one_in(4) ? kJgt | kReg32 : kJgt | kReg64, reg, 5, 0, exits);
        break;
      case 11:
        jump_if(one_in(4) ? kJset | kImm32 : kJset | kImm64, reg, 0, ~mask, exits);
        break;
      case 12:
        jump_if(kJne | kImm64, reg, 0, most, exits);
        break;
      case 13:
        bound_through_stack(reg, most, exits);
        break;
      default:
        add(set(5, most));
        jump_if(kJlt | kReg64, 5, reg, 0, exits);
        break;
    }
  }

  /// What is learned of a copy holds for the original, and of a copy moved by a constant, shifted by it.
  void bound_through_copy(Reg reg, std::int64_t most, Exits& exits) {
    const bool narrow = one_in(3);
    const std::int64_t delta = one_in(2) ? 0 : static_cast<std::int64_t>(below(9)) - 4;
    if (!one_in(3)) add(one_in(2) ? Insn(0x54, reg, 0, 0, 0xff) : Insn(0x57, reg, 0, 0, 0xfff));
    add(narrow ? Insn(0xbc, 4, reg, 0, 0) : move(4, reg));
    if (delta != 0) add(one_in(4) ? Insn(0x04, 4, 0, 0, int_of(delta)) : add_imm(4, delta));
    if (delta < 0 && !one_in(6)) jump_if(kJslt | kImm64, 4, 0, delta, exits);
    if (delta < 0)
      jump_if(kJsgt | kImm64, 4, 0, most + delta, exits);
    else
      jump_if(kJgt | (one_in(4) ? kImm32 : kImm64), 4, 0, most + delta, exits);
    if (delta > 0 && !one_in(6)) jump_if(kJlt | kImm64, 4, 0, delta, exits);
  }

  /// What is learned of a spilled number holds for what is loaded again, when all of it is.
  void bound_through_stack(Reg reg, std::int64_t most, Exits& exits) {
    const std::int16_t at = slot();
    const bool narrow = one_in(2);
    add(Insn(narrow ? 0x63 : 0x7b, kFrame, reg, at, 0));
    jump_if(kJgt | (one_in(3) ? kImm32 : kImm64), reg, 0, most, exits);
    if (one_in(5)) add(Insn(0x72, kFrame, 0, short_of(at + static_cast<std::int64_t>(below(8))), immediate()));
    add(Insn(narrow ? 0x61 : 0x79, reg, kFrame, at, 0));
  }

  /// A number in `reg` that is mostly within [0, most]. Leaves through `exits` where it is not.
  void index(Reg reg, std::int64_t most, Exits& exits) {
    any_number(reg);
    if (one_in(3)) choose(reg, most);
    for (std::uint64_t left = below(3); left > 0; --left) arithmetic(reg, one_in(2) ? kKept : kCounter);
    switch (below(9)) {
      case 0:
        bound(reg, most / 2, exits);
        add(Insn(one_in(2) ? 0x67 : 0x64, reg, 0, 0, 1));
        break;
      case 1: {
        const std::int64_t step = 1 + static_cast<std::int64_t>(below(6));
        bound(reg, std::max<std::int64_t>(most - step, 0), exits);
        add(one_in(2) ? add_imm(reg, step) : Insn(0x04, reg, 0, 0, int_of(step)));
        break;
      }
      case 2:
        bound(reg, most, exits);
        add(set(5, most));
        add(Insn(one_in(2) ? 0x1f : 0x1c, 5, reg, 0, 0));
        add(move(reg, 5));
        break;
      case 3:
        bound(reg, most / 3, exits);
        add(Insn(one_in(2) ? 0x27 : 0x24, reg, 0, 0, 3));
        break;
      case 4:
        bound(reg, most, exits);
        arithmetic(reg, kKept);
        if (!one_in(4)) bound(reg, most, exits);
        break;
      default:
        bound(reg, most, exits);
        break;
    }
  }

  /// One of two constants, by a number that the verifier does not know: paths that look alike but for this.
  void choose(Reg reg, std::int64_t most) {
    Exits other, done;
    jump_if(comparison(), one_in(2) ? kKept : kCounter, 0, immediate(), other);
    add(set(reg, static_cast<std::int64_t>(below(static_cast<std::uint64_t>(std::max<std::int64_t>(most, 1))))));
    jump(done);
    land(other);
    add(set(reg, static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most + 3)))));
    land(done);
  }

  std::uint8_t comparison() {
    static constexpr std::uint8_t kAll[] = {0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0xa0, 0xb0, 0xc0, 0xd0};
    return static_cast<std::uint8_t>(kAll[below(std::size(kAll))] | (one_in(3) ? kImm32 : kImm64));
  }

  // Actions

  /// Loads or stores 2^log bytes at [reg + off].
  void touch(Reg reg, std::int64_t off, unsigned log) {
    switch (below(4)) {
      case 0:
        add(Insn(kStore[log], reg, kKept, short_of(off), 0));
        break;
      case 1:
        add(Insn(kStoreImm[log], reg, 0, short_of(off), immediate()));
        break;
      case 2:
        add(Insn(kSignedLoad[log], 0, reg, short_of(off), 0));
        break;
      default:
        add(Insn(kLoad[log], 0, reg, short_of(off), 0));
        break;
    }
  }

  void add_index(Reg pointer) {
    if (one_in(8)) {
      add(add_reg(1, pointer));
      add(move(pointer, 1));
    } else {
      add(add_reg(pointer, 1));
    }
  }

  /// [pointer + index + off], where `bytes` from `pointer` are to be touched.
  void touch_within(Reg pointer, std::int64_t bytes, Exits& exits) {
    const unsigned log = static_cast<unsigned>(below(4));
    const std::int64_t width = 1 << log;
    std::int64_t off = static_cast<std::int64_t>(below(static_cast<std::uint64_t>(bytes - width + 1)));
    if (one_in(3)) off = 0;
    index(1, bytes - width - off, exits);
    if (one_in(6)) {  // a constant there and back
      add(add_imm(pointer, off));
      off = 0;
    }
    add_index(pointer);
    touch(pointer, off, log);
  }

  void access_value() {
    Exits exits;
    add(move(2, kValue));
    touch_within(2, value_bytes_, exits);
    land(exits);
  }

  void access_stack() {
    Exits exits;
    const std::int64_t bytes = 16 + 8 * static_cast<std::int64_t>(below(kStackBytes / 8 - 1));
    add(move(2, kFrame));
    add(add_imm(2, -std::min<std::int64_t>(bytes, kStackBytes)));
    touch_within(2, std::min<std::int64_t>(bytes, kStackBytes), exits);
    land(exits);
  }

  void access_packet() {
    if (type_ == ProgType::socket_filter) return access_value();
    Exits exits;
    const bool xdp = type_ == ProgType::xdp;
    const bool meta = one_in(8);
    constexpr std::int16_t kXdp[] = {0, 4, 8}, kSkb[] = {76, 80, 140};  // data, data_end, data_meta
    const auto& fields = xdp ? kXdp : kSkb;
    const bool moves = one_in(2);
    if (moves) index(1, one_in(2) ? 40 : 0xffff - static_cast<std::int64_t>(below(3)) * 30, exits);
    add(Insn(0x61, 2, kContext, fields[meta ? 2 : 0], 0));
    add(Insn(0x61, 3, kContext, fields[meta ? 0 : 1], 0));
    if (moves) add_index(2);
    const std::int64_t proven = 1 + static_cast<std::int64_t>(below(40));
    add(move(4, 2));
    add(add_imm(4, proven));
    const bool strict = compare_with_end(exits);
    const unsigned log = static_cast<unsigned>(below(4));
    const std::int64_t end = slip(proven + (strict && one_in(2) ? 1 : 0));
    touch(2, std::max<std::int64_t>(end - (1 << log), one_in(20) ? -1 : 0), std::min(log, end >= 8 ? 3u : 0u));
    land(exits);
  }

  /// Goes on where r4 is not past r3, in any of the forms; true when it is known to be before it.
  bool compare_with_end(Exits& exits) {
    struct Way {
      std::uint8_t operation;
      bool end_first, leaves, strict;  // leaves: the jump is taken where the access is not allowed
    };
    static constexpr Way kWays[] = {
        {kJgt, false, true, false},  {kJge, false, true, true},  {kJlt, true, true, false},  {kJle, true, true, true},
        {kJle, false, false, false}, {kJlt, false, false, true}, {kJge, true, false, false}, {kJgt, true, false, true},
    };
    const Way& way = kWays[below(std::size(kWays))];
    const Reg dst = way.end_first ? 3 : 4;
    const Reg src = way.end_first ? 4 : 3;
    const auto opcode = static_cast<std::uint8_t>(way.operation | kReg64);
    if (way.leaves) {
      jump_if(opcode, dst, src, 0, exits);
    } else {
      add(Insn(opcode, dst, src, 1, 0));
      jump(exits);
    }
    return way.strict;
  }

  /// A number for later, in a register or on the stack, whole or in part.
  void keep_number() {
    Exits exits;
    const Reg to = in_loop_ || one_in(2) ? kKept : kCounter;
    any_number(1);
    if (one_in(3)) choose(1, 40);
    for (std::uint64_t left = below(4); left > 0; --left) arithmetic(1, one_in(2) ? kKept : kCounter);
    if (one_in(3)) bound(1, static_cast<std::int64_t>(below(60)), exits);
    if (one_in(2)) {
      const unsigned log = static_cast<unsigned>(below(4));
      const auto part = static_cast<std::int64_t>(below(std::uint64_t{8} >> log) << log);
      add(Insn(kStore[log], kFrame, 1, short_of(slot() + part), 0));
    } else {
      add(move(to, 1));
    }
    land(exits);
  }

  void branch() {
    if (depth_ > 2) return keep_number();
    Exits other, done;
    if (one_in(4))
      jump_if(static_cast<std::uint8_t>((comparison() & 0xf7) | 8), kKept, kCounter, 0, other);
    else
      jump_if(comparison(), one_in(2) ? kKept : kCounter, 0, immediate(), other);
    block(1 + below(2));
    const bool both = one_in(2);
    if (both) jump(done);
    land(other);
    if (both) block(1);
    land(done);
  }

  void loop() {
    if (in_loop_ || depth_ > 2) return keep_number();
    in_loop_ = true;
    const auto step = static_cast<std::int64_t>(1 + below(4));
    const auto limit = static_cast<std::int64_t>(1 + below(8)) * step;
    add(set(kCounter, 0));
    const std::size_t start = insns_.size();
    block(1 + below(2));
    if (one_in(3)) {
      const unsigned log = static_cast<unsigned>(below(4));
      add(move(2, one_in(2) ? kValue : kFrame));
      if (insns_.back().src == kFrame) add(add_imm(2, -kStackBytes));
      add(add_reg(2, kCounter));
      touch(2, 0, log);
    }
    add(add_imm(kCounter, step));
    const auto back = static_cast<std::int64_t>(start) - static_cast<std::int64_t>(insns_.size()) - 1;
    static constexpr std::uint8_t kForms[] = {kJlt | kImm64, kJlt | kImm32, kJne | kImm64, kJslt | kImm64};
    add(Insn(kForms[below(std::size(kForms))], kCounter, 0, short_of(back), int_of(limit)));
    in_loop_ = false;
  }

  void look_up() {
    struct Choice {
      std::int32_t map;
      int key_bytes, value_bytes;
    };
    static constexpr Choice kMaps[] = {
        {kArrayMap, 4, kArrayValue}, {kHashMap, 8, 48}, {kSmallHashMap, 8, 8}, {kThreeMap, 4, 24}};
    const Choice& choice = kMaps[below(std::size(kMaps))];
    const std::int16_t at = slot();
    add(Insn(0x7a, kFrame, 0, at, int_of(below(5))));
    load_map(1, choice.map);
    add(move(2, kFrame));
    add(add_imm(2, slip(choice.key_bytes == 8 ? at : at + 4 * static_cast<int>(below(2)))));
    add(call(1));
    Exits exits;
    if (one_in(20)) add(add_imm(0, 1));
    if (!one_in(25)) {
      if (one_in(2)) {
        jump_if(one_in(30) ? kJeq | kImm32 : kJeq | kImm64, 0, 0, 0, exits);
      } else {
        add(Insn(kJne | kImm64, 0, 0, 1, 0));
        jump(exits);
      }
    }
    if (one_in(3) && choice.value_bytes >= value_bytes_) add(move(kValue, 0));
    add(move(2, 0));
    touch_within(2, choice.value_bytes, exits);
    land(exits);
  }

  void call_with_size() {
    Exits exits;
    const bool stack = one_in(2);
    index(3, stack ? kStackBytes : value_bytes_, exits);
    load_map(1, kRingMap);
    add(move(2, stack ? kFrame : kValue));
    if (stack) add(add_imm(2, -kStackBytes));
    add(set(4, 0));
    add(call(130));  // ringbuf_output
    land(exits);
  }

  void call_subprogram() {
    if (callees_.size() == kMostCallees) return access_stack();
    add(move(1, one_in(2) ? kKept : kCounter));
    if (one_in(2)) arithmetic(1, kKept);
    add(move(2, kFrame));
    add(add_imm(2, -kStackBytes));
    callees_.push_back({insns_.size(), false});
    add(Insn(0x85, 0, 1, 0, 0));
    add(move(kKept, 0));
  }

  /// bpf_loop: what the callback does to the stack is done any number of times.
  void call_back() {
    if (callees_.size() == kMostCallees) return access_stack();
    add(set(1, static_cast<std::int64_t>(below(6))));
    callees_.push_back({insns_.size(), true});
    add(Insn(0x18, 2, 4, 0, 0));
    add(Insn());
    add(move(3, kFrame));
    add(add_imm(3, -kStackBytes));
    add(set(4, 0));
    add(call(181));
    if (one_in(2)) add(move(kKept, 0));
  }

  /// r1 a number, r2 the caller's stack.
  void subprogram(bool callback) {
    Exits exits;
    const unsigned log = static_cast<unsigned>(below(4));
    if (callback && one_in(2)) add(Insn(kLoad[log], 1, 2, short_of(static_cast<std::int64_t>(below(8)) * 8), 0));
    bound(1, kStackBytes - (1 << log), exits);
    add(move(3, 2));
    add(add_reg(3, 1));
    switch (below(3)) {
      case 0:
        add(Insn(kStoreImm[log], 3, 0, 0, immediate()));
        break;
      case 1:
        add(Insn(0x7b, 2, 1, short_of(static_cast<std::int64_t>(below(8)) * 8), 0));
        break;
      default:
        break;
    }
    add(Insn(kLoad[log], 0, 3, 0, 0));
    if (callback) add(set(0, slip(static_cast<std::int64_t>(below(2)))));
    add(kExit);
    if (exits.empty()) return;
    land(exits);
    add(set(0, callback ? 0 : immediate()));
    add(kExit);
  }

  /// A ring-buffer record, held below the other slots of the stack until it is given back on every path.
  void record() {
    const auto bytes = 8 + static_cast<std::int64_t>(below(5)) * 8;
    constexpr std::int16_t kHeld = -kStackBytes - 8;
    load_map(1, kRingMap);
    add(set(2, bytes));
    add(set(3, 0));
    add(call(131));
    Exits none, exits;
    jump_if(kJeq | kImm64, 0, 0, 0, none);
    add(Insn(0x7b, kFrame, 0, kHeld, 0));
    if (one_in(30)) return land(none);
    add(move(2, 0));
    touch_within(2, bytes, exits);
    land(exits);
    add(Insn(0x79, 1, kFrame, kHeld, 0));
    if (one_in(30)) add(add_imm(1, 8));
    add(set(2, 0));
    add(call(one_in(2) ? 132 : 133));
    land(none);
  }

  /// The map value's pointer through the stack, sometimes with a byte changed on the way.
  void spill_pointer() {
    const std::int16_t at = slot();
    add(Insn(0x7b, kFrame, kValue, at, 0));
    if (one_in(3)) branch();
    if (one_in(10)) add(Insn(0x72, kFrame, 0, short_of(at + static_cast<std::int64_t>(below(8))), 1));
    add(Insn(0x79, 2, kFrame, at, 0));
    Exits exits;
    touch_within(2, value_bytes_, exits);
    land(exits);
    add(Insn(0x7a, kFrame, 0, at, immediate()));
  }

  void atomic() {
    static const auto rows = rows_of({isa::Operands::atomic});
    const isa::FormInfo& row = rows[below(rows.size())];
    const bool stack = one_in(2);
    if (stack)
      add(move(2, kFrame));
    else
      add(move(2, kValue));
    add(move(1, kKept));
    add(set(0, immediate()));
    const std::int64_t at = stack ? slot() : static_cast<std::int64_t>(below(value_bytes_ / 8)) * 8;
    const bool loads = row.operation == isa::Operation::load_acquire_;
    add(Insn(row.opcode, loads ? 1 : 2, loads ? 2 : 1, short_of(at), int_of(row.imm)));
    if (one_in(2)) add(move(kKept, one_in(2) ? 1 : 0));
  }

  /// bpf_xdp_adjust_head and _meta take all packet pointers away.
  void move_packet() {
    if (type_ != ProgType::xdp) return keep_number();
    Exits exits;
    add(Insn(0x61, 2, kContext, 0, 0));
    add(Insn(0x61, 3, kContext, 4, 0));
    add(Insn(0x7b, kFrame, 2, -8, 0));
    add(move(1, kContext));
    add(set(2, static_cast<std::int64_t>(below(40)) - 20));
    add(call(one_in(2) ? 44 : 54));
    if (one_in(10)) add(Insn(0x79, 2, kFrame, -8, 0));
    add(Insn(0x7a, kFrame, 0, -8, 5));
    land(exits);
  }

  static constexpr std::uint64_t kSlips = 25;
  static constexpr std::size_t kMostCallees = 2;
  std::mt19937_64 random_;
  ProgType type_ = ProgType::xdp;
  std::vector<Insn> insns_;
  std::vector<Callee> callees_;
  int value_bytes_ = 0;  // of what r7 points to
  unsigned depth_ = 0;
  bool in_loop_ = false;
};

}  // namespace

Generated generate(std::uint64_t seed) { return Generator(seed).program(); }

}  // namespace skep::soundness
