/** The one contract of everything long-lived. */
export interface Service {
  readonly name: string;
  /** Resolves once the service works; a rejection means that nothing of it is left running. */
  start(): Promise<void>;
  /** Tolerates a stop before the start and a double stop; never rejects for a service that is already down. */
  stop(): Promise<void>;
}
