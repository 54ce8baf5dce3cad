// Writing the log while watching the walk: what a step did is known when the next one begins.
#include "verifier/diagnose/kernel_log.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "abi/helper.hpp"
#include "isa/text.hpp"
#include "verifier/diagnose/kernel_state.hpp"
#include "verifier/diagnose/subject.hpp"
#include "verifier/diagnose/trace.hpp"
#include "verifier/observer.hpp"
#include "verifier/walk.hpp"

namespace skep::verifier {
namespace {

constexpr std::size_t kKept = std::size_t{64} << 20;
constexpr std::size_t kStateColumn = 38;

/// Text that may be taken back to an earlier place.
class Page {
 public:
  Page(unsigned level, const LogSink& sink) : keeps_(level < 2), sink_(sink) {}

  void write(std::string_view text) {
    text_ += text;
    if (keeps_ ? text_.size() > 2 * kKept : text_.size() > kKept / 1024) spill();
  }
  [[nodiscard]] std::size_t place() const { return dropped_ + text_.size(); }
  /// To the end of a line that was not ended then.
  void go_back(std::size_t place) {
    if (!keeps_) return;
    text_.resize(place > dropped_ ? place - dropped_ : 0);
    text_ += '\n';
  }
  void finish() {
    sink_(text_);
    text_.clear();
  }

 private:
  void spill() {
    if (!keeps_) return finish();
    const std::size_t first = text_.find('\n', text_.size() - kKept) + 1;
    text_.erase(0, first);
    dropped_ += first;
  }

  bool keeps_;
  const LogSink& sink_;
  std::string text_;
  std::size_t dropped_ = 0;
};

class KernelLog : public Observer {
 public:
  KernelLog(const Input& input, unsigned level, const LogSink& sink) : input_(input), page_(level, sink) {}

  void begin(const Walk& walk) override {
    forks_.clear();
    from_.reset();
    line_ = nullptr;
    shown_ = Selection::all();
    if (walk.entered != nullptr) note_function(walk.state);
  }

  void arrive(const Walk& walk, std::uint32_t pc) override {
    // Where a path is taken up, its state is shown only if it goes on, and then as it was before pruning looked at it.
    if (!from_) return describe_last(walk.state, pc);
    before_ = walk.state;
    pools_.insert(walk.pools);
    before_.parent = nullptr;
  }

  void step(const Walk& walk, std::uint32_t pc) override {
    if (from_) describe_last(before_, pc);
    source(pc);
    const std::string text = fmt::format("{}: {}", pc, instruction(pc));
    page_.write(text);
    width_ = text.size();
    shown_ = named_by(walk, pc);
    before_ = walk.state;
    pools_.insert(walk.pools);
    before_.parent = nullptr;
    last_ = pc;
  }

  void put_aside(const Walk& /*walk*/, std::uint32_t pc, std::uint32_t /*to*/) override {
    forks_.push_back({page_.place(), pc});
  }

  void end_path(const Walk& walk, bool covered) override {
    if (!covered) return end_line();
    const std::uint32_t pc = walk.state.pc;
    if (from_) {
      page_.write(fmt::format("\nfrom {} to {}{}: safe\n", *from_, pc, how(walk.state)));
      from_.reset();
    } else {
      page_.write(fmt::format("{}: safe\n", pc));
    }
  }

  void found(const Walk& /*walk*/, const Finding& finding) override {
    end_line();
    page_.write(text_of(finding) + '\n');
    told_ = true;
  }

  void resume(const Walk& /*walk*/) override {
    end_line();
    page_.go_back(forks_.back().place);
    from_ = forks_.back().pc;
    forks_.pop_back();
    shown_ = Selection::all();
    line_ = nullptr;
  }

  void finish(const Report& report) {
    end_line();
    if (!told_)
      for (const Finding& finding : report.findings)
        page_.write((finding.code == Code::malformed ? report.malformed : text_of(finding)) + '\n');
    const Stats& stats = report.stats;
    page_.write(
        fmt::format("processed {} insns (limit {}) max_states_per_insn {} total_states {} peak_states {} mark_read 0\n",
                    stats.processed, input_.options.limits.insns, stats.most_states_at_insn, stats.total_states,
                    stats.peak_states));
    page_.finish();
  }

 private:
  struct Fork {
    std::size_t place;  ///< where the log went on
    std::uint32_t pc;
  };

  [[nodiscard]] static std::string_view how(const State& state) {
    return state.speculative ? " (speculative execution)" : "";
  }

  void end_line() {
    if (width_ != 0) page_.write("\n");
    width_ = 0;
  }

  void note_function(const State& state) {
    const program::Subprog* function = input_.program->subprog_at(state.pc);
    page_.write(fmt::format("Validating {}() func#{}...\n", function == nullptr ? "function" : function->name,
                            state.top().subprog));
  }

  /// What became of the last step's registers, behind it; whole states where a path or a frame begins.
  void describe_last(const State& state, std::uint32_t pc) {
    const unsigned frame = state.depth() - 1;
    if (from_) {
      page_.write(fmt::format("\nfrom {} to {}{}:{}\n", *from_, pc, how(state),
                              kernel_text(state, frame, Selection::all(), input_)));
      from_.reset();
    } else if (width_ != 0 && state.depth() != before_.depth()) {
      end_line();
      change_frame(state, pc);
    }
    add_changed_slots(state);
    const std::string text = kernel_text(state, frame, shown_, input_);
    const bool silent = text.empty() || text == fmt::format(" frame{}:", frame);
    if (width_ == 0) {
      if (!silent) page_.write(fmt::format("{}:{}\n", pc, text));
      return;
    }
    if (!silent) page_.write(std::string(gap(), ' ') + ';' + text);
    end_line();
  }

  /// The log's second column, eight further where the instruction is long.
  [[nodiscard]] std::size_t gap() const {
    std::size_t column = kStateColumn;
    while (column < width_ + 3) column += 8;
    return column - width_;
  }

  void change_frame(const State& state, std::uint32_t pc) {
    const auto all = [&](const State& of, unsigned frame) { return kernel_text(of, frame, Selection::all(), input_); };
    if (state.depth() > before_.depth()) {
      page_.write(
          fmt::format("caller:\n{}\ncallee:\n{}\n", all(state, state.depth() - 2), all(state, state.depth() - 1)));
      shown_ = Selection::all();
      return;
    }
    page_.write(fmt::format("returning from callee:\n{}\nto caller at {}:\n{}\n\n", all(before_, before_.depth() - 1),
                            pc, all(state, state.depth() - 1)));
    page_.write(fmt::format("from {} to {}:{}\n", last_, pc, all(state, state.depth() - 1)));
    shown_ = {};
  }

  void source(std::uint32_t pc) {
    const program::Line* line = input_.program->line_at(pc);
    if (line == nullptr || line == line_) return;
    const bool same = line_ != nullptr && line_->file == line->file && line_->line == line->line;
    line_ = line;
    if (same) return;
    const std::string_view text(line->text), path(line->file);
    const std::size_t indent = std::min(text.find_first_not_of(" \t"), text.size());
    const std::size_t slash = path.rfind('/');
    page_.write(fmt::format("; {} @ {}:{}\n", text.substr(indent),
                            path.substr(slash == std::string_view::npos ? 0 : slash + 1), line->line));
  }

  /// As Linux prints it: helpers by name.
  [[nodiscard]] std::string instruction(std::uint32_t pc) const {
    const Insn& insn = input_.program->insns[pc];
    const isa::FormInfo& info = isa::info(static_cast<isa::Form>(isa::find_form(insn)));
    if (info.operands == isa::Operands::call_imm) {
      const program::KfuncUse* kfunc = input_.program->kfunc_at(pc);
      const abi::Helper* helper = insn.src == 0 ? abi::find_helper(static_cast<std::uint32_t>(insn.imm)) : nullptr;
      if (kfunc != nullptr) return fmt::format("({:02x}) call {}#{}", insn.opcode, kfunc->name, insn.imm);
      if (helper != nullptr) return fmt::format("({:02x}) call bpf_{}#{}", insn.opcode, helper->name, insn.imm);
    }
    return isa::disassemble(input_.program->insns, pc, isa::Style::kernel);
  }

  /// The registers that an instruction reads or writes, and the slot it touches.
  [[nodiscard]] static Selection named_by(const Walk& walk, std::uint32_t pc) {
    const Insn& insn = walk.input.program->insns[pc];
    const isa::FormInfo& info = isa::info(walk.graph.at(pc).form);
    Selection named;
    if (info.operands != isa::Operands::none)
      named.regs = isa::registers_of(info.reads | info.writes, insn.dst, insn.src);
    const auto place = stack_place(walk.state, insn, info);
    if (place && place->frame + 1 == walk.state.depth())
      named.slots |= std::uint64_t{1} << Spot::stack(place->frame, place->off).number;
    return named;
  }

  /// Helpers and stores at unknown places write slots that no operand names.
  void add_changed_slots(const State& state) {
    if (width_ == 0 || state.depth() != before_.depth()) return;
    const Frame& now = state.top();
    const Frame& was = before_.top();
    for (unsigned i = 0; i < now.stack.size(); ++i)
      if (i >= was.stack.size() || now.stack[i].bytes != was.stack[i].bytes) shown_.slots |= std::uint64_t{1} << i;
  }

  const Input& input_;
  Page page_;
  std::vector<Fork> forks_;
  std::optional<std::uint32_t> from_;       ///< the branch whose other way begins with the next step
  const program::Line* line_ = nullptr;     ///< printed last
  Selection shown_;                         ///< of the state after the last step
  std::set<std::shared_ptr<Pools>> pools_;  ///< what `before_` is made of
  State before_;                            ///< the last step
  std::uint32_t last_ = 0;
  std::size_t width_ = 0;  ///< of the line that is not ended yet
  bool told_ = false;
};

}  // namespace

Report write_kernel_log(const Input& input, unsigned level, const LogSink& sink) {
  KernelLog log(input, level, sink);
  Input watched = input;
  watched.options.max_findings = 1;
  watched.observer = &log;
  Report report = verify(watched);
  log.finish(report);
  return report;
}

}  // namespace skep::verifier
