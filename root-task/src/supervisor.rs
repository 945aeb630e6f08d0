//! The root task's service: the serial line with its input, and the end of the machine.
//!
//! One endpoint for clients' requests and servers' faults, and bound to the thread the notification of input: one
//! receive hears of all three. Nothing here waits for anybody.

use boot_core::console::Lines;
use boot_core::raw::Unfinished;
use interfaces::call::Answer;
use interfaces::console::{
    Halt, Input as Typed, OperatorRefusal, PollInput, ReadDropped, ReadInput, ReadInputRefusal,
    Server, Write, WriteRaw, WriteRecord,
};
use interfaces::identity::TaskTag;
use interfaces::limits::Never;
use interfaces::{Badge, Caller, Label, ProtocolError, ServerName, console};
use interfaces_sel4::{Message, Port, Response};
use sel4::{Fault, cap, is_fault_label};
use sel4_root_task::println;
use spin::MutexGuard;
use test_records::Record;

use crate::input::Input;
use crate::{machine_end, serial};

/// The lines of all tasks: 1 MiB, so it is never on a stack.
static LINES: spin::Mutex<Lines> = spin::Mutex::new(Lines::new());

/// The service.
pub struct Supervisor {
    endpoint: cap::Endpoint,
    console: Console,
}

impl Supervisor {
    /// Makes the service. `None` if there is one already.
    ///
    /// Without `input` nobody can read what is typed.
    pub fn new(endpoint: cap::Endpoint, input: Option<Input>) -> Option<Self> {
        let console = Console {
            lines: LINES.try_lock()?,
            unfinished: Unfinished::new(),
            input,
        };
        Some(Self { endpoint, console })
    }

    /// Serves until the machine ends.
    pub fn run(mut self) -> ! {
        let mut port = Port::new(self.endpoint);
        let mut response = Response::Nothing;
        loop {
            let message = port.next(response);
            response = self.serve(&message, &mut port);
        }
    }

    fn serve(&mut self, message: &Message, port: &mut Port) -> Response {
        let label = message.info.label();
        match message.badge {
            Some(Badge::ServerFault(server)) => {
                server_fault(server, Fault::decode(message.info, message.registers))
            }
            // Its label and length are another message's.
            Some(Badge::Signal { .. }) => {
                if let Some(input) = &mut self.console.input {
                    input.interrupted();
                }
                Response::Nothing
            }
            Some(Badge::Service(_)) if is_fault_label(label) => {
                Response::Protocol(ProtocolError::ForgedFault)
            }
            Some(Badge::Service(_)) if message.carries_capabilities() => {
                Response::Protocol(ProtocolError::CapabilitiesSent)
            }
            Some(Badge::Service(caller)) if caller.is_client() => {
                let (request, reply) = port.buffers();
                let label = Label::from_bits(label);
                console::dispatch(&mut self.console, caller, label, request, reply).into()
            }
            // A server has no capability to ask for anything, nobody else any badge.
            _ => Response::Protocol(ProtocolError::UnknownCaller),
        }
    }
}

/// A server that faults is dead, and with it the system: it is said what happened, and the machine ends as failed.
fn server_fault(server: ServerName, fault: Option<Fault>) -> Response {
    let Some(fault) = fault else {
        // The capability is for the kernel; the server itself has sent something over it.
        return Response::Protocol(ProtocolError::UnknownInterface);
    };
    let (kind, ip, address) = match fault {
        Fault::None => ("null", 0, 0),
        Fault::Capability { ip, address, .. } => ("capability", ip, address),
        Fault::UnknownSyscall { ip, number, .. } => ("system-call", ip, number),
        Fault::Exception { ip, number, .. } => ("exception", ip, number),
        Fault::Vm { ip, address, .. } => ("page", ip, address),
    };
    println!("root-task: {server} is dead: {fault:x?}");
    let who = server.name();
    println!(
        "{}",
        Record::Fault {
            who,
            kind,
            ip,
            address
        }
        .marked()
    );
    machine_end::end(false)
}

/// Who prints what.
struct Console {
    lines: MutexGuard<'static, Lines>,
    unfinished: Unfinished,
    input: Option<Input>,
}

impl Console {
    fn print(&mut self, task: TaskTag, text: &str) {
        self.lines
            .write_above(&self.unfinished, task, text, serial::print, |line| {
                println!("{line}");
            });
    }
}

impl Server for Console {
    fn write(&mut self, caller: Caller, request: Write) -> Result<(), Never> {
        if let Some(task) = caller.task() {
            self.print(task, request.text.as_str());
        }
        Ok(())
    }

    fn write_record(
        &mut self,
        caller: Caller,
        request: WriteRecord,
    ) -> Result<(), OperatorRefusal> {
        if !caller.is_operator() {
            return Err(OperatorRefusal::NotOperator);
        }
        let text = request.record.as_str();
        match (Record::parse(text), caller.task()) {
            (Ok(record), _) => {
                self.unfinished
                    .around(serial::print, || println!("{}", record.marked()));
                if let (Record::Done { .. }, Some(input)) = (record, &mut self.input) {
                    input.run_is_done();
                }
            }
            // No record: it is shown as the text that it is.
            (Err(_), Some(task)) => {
                self.print(task, text);
                self.print(task, "\n");
            }
            (Err(_), None) => {}
        }
        Ok(())
    }

    fn halt(&mut self, caller: Caller, request: Halt) -> Answer<(), OperatorRefusal> {
        if !caller.is_operator() {
            return Answer::Now(Err(OperatorRefusal::NotOperator));
        }
        machine_end::end(request.passed)
    }

    fn read_dropped(&mut self, caller: Caller, _: ReadDropped) -> Result<u64, Never> {
        Ok(caller.task().map_or(0, |task| self.lines.dropped(task)))
    }
    fn read_input(&mut self, caller: Caller, _: ReadInput) -> Answer<Typed, ReadInputRefusal> {
        if !caller.is_operator() {
            return Answer::Now(Err(ReadInputRefusal::NotOperator));
        }
        match &mut self.input {
            Some(input) => input.read(),
            None => Answer::Now(Err(ReadInputRefusal::NoInterrupt)),
        }
    }

    fn write_raw(&mut self, caller: Caller, request: WriteRaw) -> Result<(), OperatorRefusal> {
        if !caller.is_operator() {
            return Err(OperatorRefusal::NotOperator);
        }
        let dropped = self.unfinished.write(request.text.as_str(), serial::print);
        if let Some(task) = caller.task() {
            self.lines.drop_bytes(task, dropped);
        }
        Ok(())
    }

    fn poll_input(&mut self, caller: Caller, _: PollInput) -> Result<Typed, OperatorRefusal> {
        if !caller.is_operator() {
            return Err(OperatorRefusal::NotOperator);
        }
        Ok(self.input.as_mut().map(Input::poll).unwrap_or_default())
    }
}
